// Calls to the API that served the page. The cookie of this screen signs them; its name goes along
// in a header that no foreign page can send.

/** @typedef {{type: string, title: string, status: number, detail: string, [member: string]: any}} Problem */
/** @typedef {{status: number, body: any, headers: Headers}} Answer */

/** How long a call may take before its answer counts as lost, milliseconds. */
const TIMEOUT_MS = 10_000;

/** No answer came: what was asked may or may not have been done. */
export class Lost extends Error {}

/** `device` names the screen itself, in what is done at it. @type {{screen: string, device: string, language: string}} */
export const caller = { screen: '', device: '', language: 'en' };

/** What every call says of who calls. @returns {Record<string, string>} */
function own() {
  const screen = { 'x-sunakku-screen': caller.screen, 'accept-language': caller.language };
  return caller.device ? { ...screen, 'x-device': caller.device } : screen;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, key?: string, etag?: string, match?: string, type?: string, timeout?: number}} [options] `type` says what a body
 *   that is no JSON is, `match` what its author had seen, and `timeout` when its answer counts as lost, milliseconds
 * @returns {Promise<Answer>}
 */
export async function call(method, path, { body, key, etag, match, type, timeout = TIMEOUT_MS } = {}) {
  /** @type {Record<string, string>} */
  const headers = { ...own(), accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = type ?? 'application/json';
  if (key) headers['idempotency-key'] = key;
  if (etag) headers['if-none-match'] = etag;
  if (match) headers['if-match'] = match;
  let response;
  let parsed = null;
  try {
    response = await fetch(path, {
      method, headers, cache: 'no-store', credentials: 'same-origin', redirect: 'error',
      body: body === undefined || body instanceof Blob ? body : type ? String(body) : JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
    });
    const text = await response.text();
    if (text) parsed = JSON.parse(text);
  } catch (error) {
    throw new Lost(String(error));
  }
  return { status: response.status, body: parsed, headers: response.headers };
}

/**
 * A file that the API makes, with the name that it gives it. A link could not say which screen asks.
 * @param {string} path
 * @param {string} [accept] media type
 * @returns {Promise<{name: string, text: string}>}
 */
export async function download(path, accept) {
  const response = await fetch(path, { headers: accept ? { ...own(), accept } : own(), cache: 'no-store', credentials: 'same-origin', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Lost(`${path}: ${response.status}`);
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  return { name: name ?? 'sunakku.csv', text: await response.text() };
}

/**
 * A call that is sent again under one key until it is answered, so that it happens once.
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 * @param {{key?: string, tries?: number, match?: string, type?: string, timeout?: number}} [options]
 * @returns {Promise<Answer>}
 */
export async function act(method, path, body, { key = crypto.randomUUID(), tries = 4, ...more } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await call(method, path, { body, key, ...more });
      if (answer.status < 500 || attempt >= tries) return answer;
    } catch (error) {
      if (attempt >= tries) throw error;
    }
    await pause(Math.min(250 * 2 ** attempt, 2_000));
  }
}

/**
 * Every entry of a list.
 * @param {string} path
 * @returns {Promise<any[]>}
 */
export async function all(path) {
  const rows = [];
  let after = null;
  do {
    const joint = path.includes('?') ? '&' : '?';
    const more = after === null ? '' : `&after=${encodeURIComponent(after)}`;
    const { status, body } = await call('GET', `${path}${joint}limit=200${more}`);
    if (status !== 200) throw new Lost(`${path}: ${status}`);
    rows.push(...body.items);
    after = body.next;
  } while (after !== null);
  return rows;
}

/**
 * The last part of a problem's type.
 * @param {Answer} answer
 */
export function slug(answer) {
  return String(answer.body?.type ?? '').split(':').at(-1) ?? '';
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
  return new Promise((done) => { setTimeout(done, milliseconds); });
}
