// A site on real servers (`cargo demo` without guests) and a real browser in front of it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { after, afterEach, before } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** How long anything may take on a busy machine, milliseconds. Nothing waits for so long when all is well. */
export const LIMIT = 60_000;
const START_LIMIT = 600_000;

export const wait = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** Waits until `check` answers something true. */
export async function until(what, check, limit = LIMIT) {
  const deadline = Date.now() + limit;
  for (;;) {
    const found = await check();
    if (found) return found;
    assert.ok(Date.now() < deadline, `${what} did not happen in time`);
    await wait(50);
  }
}

export class Demo {
  /** Starts a hub and a site, and the browser. */
  static async start() {
    const demo = new Demo();
    /** Every page that was opened since the test began. */
    demo.pages = [];
    demo.folder = mkdtempSync(join(tmpdir(), 'sunakku-browser-'));
    demo.file = join(demo.folder, 'state.json');
    const args = ['run', '--quiet', '--locked', '--bin', 'xtask', '--', 'demo', '--rush', '0', '--sites', '1', '--programs', process.env.PROGRAMS ?? 'debug', '--state', demo.file];
    demo.child = spawn('cargo', args, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    // It is in a process group of its own, so that it is ended in good order, and would outlive this one.
    for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => { process.kill(-demo.child.pid, 'SIGINT'); process.exit(1); });
    demo.said = '';
    for (const stream of [demo.child.stdout, demo.child.stderr]) stream.on('data', (text) => { demo.said += text; });
    const ended = new Promise((_, fail) => { demo.child.on('exit', (code) => fail(new Error(`the demo ended with ${code}: ${demo.said}`))); });
    ended.catch(() => {});
    await Promise.race([until('the start of the demo', () => existsSync(demo.file), START_LIMIT), ended]);
    demo.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
    });
    return demo;
  }

  /** Ends all of it; the demo ends its servers. */
  async stop() {
    this.signal('SIGCONT');
    await this.browser?.close();
    const gone = new Promise((done) => { this.child.on('exit', done); });
    process.kill(-this.child.pid, 'SIGINT');
    await Promise.race([gone, wait(30_000).then(() => process.kill(-this.child.pid, 'SIGKILL'))]);
    rmSync(this.folder, { recursive: true });
  }

  /** Closes every page: one that stays open goes on acting, in the next test too. */
  async closePages() {
    await Promise.all(this.browser.contexts().map((context) => context.close()));
  }

  get site() {
    return JSON.parse(readFileSync(this.file, 'utf8')).sites[0];
  }

  get hub() {
    return JSON.parse(readFileSync(this.file, 'utf8')).hub;
  }

  /** Sends the edge's process a signal. */
  signal(name) {
    try {
      process.kill(this.site.pids.edge, name);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  /** Kills the edge; the demo starts it again, as systemd would. */
  async killEdge() {
    const before = this.site.pids.edge;
    this.signal('SIGKILL');
    await until('a new edge', () => this.site.pids.edge !== before);
    await until('an edge that is ready', () => fetch(`${this.site.url}/readyz`).then((answer) => answer.ok, () => false));
  }

  /** A call of the API with the manager's token. */
  async api(method, path, body, key = crypto.randomUUID()) {
    return this.ask(this.site.url, this.site.tokens.manager, method, path, body, key);
  }

  /** A call of the hub's API as its admin. */
  async hubApi(method, path, body, key = crypto.randomUUID()) {
    const { user, password } = this.hub.admin;
    const signedIn = await fetch(`${this.hub.url}/v1/session`, { method: 'POST', body: JSON.stringify({ user, password }), headers: { 'content-type': 'application/json' } });
    return this.ask(this.hub.url, (await signedIn.json()).access_token, method, path, body, key);
  }

  async ask(url, token, method, path, body, key) {
    const answer = await fetch(url + path, {
      method, body: body && JSON.stringify(body),
      headers: { 'content-type': 'application/json', 'idempotency-key': key, authorization: `Bearer ${token}` },
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** A sign-in code for a screen. */
  async code(role, name) {
    return (await this.api('POST', '/v1/session/codes', { role, name })).code;
  }

  /** Open tickets of a pickup number. */
  async tickets(number) {
    return (await this.api('GET', '/v1/tickets?limit=200')).items.filter((row) => row.number === number);
  }

  /** Makes whatever the kitchen still has, so that a test begins with an empty screen. */
  async makeAll() {
    for (const { id } of (await this.api('GET', '/v1/tickets?limit=200')).items) {
      await this.api('POST', `/v1/tickets/${id}/bump`).catch(() => this.api('POST', `/v1/tickets/${id}/confirm`));
    }
  }

  /** Places an order at the counter. */
  order(...lines) {
    return this.api('POST', '/v1/orders', { channel: 'counter', service: 'here', lines: lines.map((line) => ({ quantity: 1, ...line })) });
  }

  /** Runs one command on the site's Redis and answers its text: for damage that no call can do. */
  async redis(...command) {
    const { hostname, port, username, password } = new URL(this.site.redis_url);
    const commands = password ? [['AUTH', ...(username ? [username] : []), decodeURIComponent(password)], command] : [command];
    const socket = connect({ host: hostname, port: Number(port) });
    const encode = (words) => `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
    socket.write([...commands, ['QUIT']].map(encode).join(''));
    let text = '';
    for await (const part of socket.setEncoding('utf8')) text += part;
    const answers = password ? text.slice(text.indexOf('\r\n') + 2) : text;
    assert.ok(!answers.startsWith('-'), answers);
    return answers.startsWith('$') ? answers.slice(answers.indexOf('\r\n') + 2, answers.lastIndexOf('\r\n+OK')) : answers;
  }

  async orders() {
    return (await this.api('GET', '/v1/orders?state=all&limit=200')).items;
  }

  /** A page of the site, signed in by a code as `role`. */
  async page(path, role, options) {
    const name = `${path.slice(1) || 'kiosk'}-${Math.random().toString(36).slice(2, 8)}`;
    const page = await this.open(`${path}#code=${await this.code(role, name)}`, options);
    return Object.assign(page, { device: name });
  }

  /** A view of the hub's dashboard, signed in by a code. */
  async dashboard(path, options) {
    const { code } = await this.hubApi('POST', '/v1/session/codes');
    const page = await this.open(`/#code=${code}`, { width: 1440, height: 900, locale: 'en-GB', origin: this.hub.url, ...options });
    await page.waitForSelector('.hub');
    if (path !== '/') await page.goto(this.hub.url + path);
    await page.waitForSelector('.hub');
    return page;
  }

  /** A page as anybody opens it. What its console complains of, and every request that leaves the site, stand in its `complaints`. */
  async open(path, { width = 1920, height = 1080, origin: host = this.site.url, ...more } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, ...more });
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT);
    page.complaints = [];
    this.pages.push(page);
    const origin = host.replace(/^http/, '');
    for (const [event, urlOf] of [['request', (request) => request.url()], ['websocket', (socket) => socket.url()]]) {
      page.on(event, (one) => {
        const url = urlOf(one);
        if (!url.replace(/^(http|ws)/, '').startsWith(origin) && !url.startsWith('data:')) page.complaints.push(`it left the origin: ${url}`);
      });
    }
    page.on('pageerror', (error) => page.complaints.push(error.stack));
    page.on('console', (message) => {
      const text = message.text();
      // That the edge is away is part of some tests, and a refusal is an answer.
      if (message.type() === 'error' && !/net::|WebSocket|status of (4|5)\d\d/.test(text)) page.complaints.push(text);
    });
    await page.goto(host + path);
    return page;
  }
}

/** The site of all test files of a run. @type {Demo} */
export let demo;

let asked = false;
/** Has a site before the first test and until the last; every test file says that it needs it. */
export function onDemo() {
  if (asked) return;
  asked = true;
  before(async () => { demo = await Demo.start(); });
  afterEach(async () => {
    const complaints = demo?.pages.flatMap((page) => page.complaints);
    await demo?.closePages();
    if (demo) demo.pages = [];
    assert.deepEqual(complaints, [], 'the console complains of nothing, and no request leaves the site');
  });
  after(() => demo?.stop());
}

/** No serious fault by axe-core's rules, and no complaint in the console. */
export async function assertAccessible(page, what) {
  // What still fades in has not its colours yet.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
    .map((one) => one.finished.catch(() => {}))));
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(' | ')}`);
  });
  assert.deepEqual(found, [], what);
  assert.deepEqual(page.complaints, [], what);
}

/** Has a page note, from now on, the chimes that it rings (their tones, Hz) and what it says aloud. */
export async function listen(page) {
  await page.addInitScript(() => {
    const heard = { chimes: [], said: [] };
    globalThis.heard = heard;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function ring(when) {
      heard.chimes.push(Math.round(this.frequency.value));
      return start.call(this, when);
    };
    SpeechSynthesis.prototype.speak = (words) => { heard.said.push([words.text, words.lang]); };
  });
  await page.reload();
}
