// How a screen signs in: by a code that it shows and the manager types in, by a code in the page's fragment that
// works once, by typing one, by name and PIN, or by name and password. A guest's own phone, whose fragment is `guest`, comes in without any of them. What it gets is a cookie that no script can read.
import { act, call, caller, Lost, pause, slug } from './api.js';
import { kept } from './store.js';
import { effect, html, Icon, Logo, signal, useEffect, useState } from './ui.js';
import { learn, t } from './words.js';

learn({
  en: {
    'sign-in.title': 'Sign this screen in',
    'sign-in.lead': 'Ask the site manager for a code: Operations, Devices.',
    'sign-in.code': 'Code',
    'sign-in.user': 'Name',
    'sign-in.password': 'Password',
    'sign-in.go': 'Sign in',
    'sign-in.by-code': 'Use a code',
    'sign-in.by-pair': 'Show a code here',
    'sign-in.by-pin': 'Use name and PIN',
    'sign-in.by-password': 'Use name and password',
    'sign-in.pair-lead': 'The site manager types this code in under Operations, Devices.',
    'sign-in.pair-code': 'Code of this screen',
    'sign-in.pin': 'PIN',
    'sign-in.digit-back': 'Take the last digit away',
    'sign-in.too-many-tries': 'Too many wrong tries for this name here. Wait, or sign in at another device.',
    'sign-in.too-many-sign-ins': 'Too many sign in at once. Try again in a moment.',
    'sign-in.too-many-requests': 'Too many tries at once. Try again in a moment.',
    'sign-in.too-many-devices': 'This site has as many devices as one may have. Ask the site manager to revoke some.',
    'sign-in.unknown-code': 'That code was used before, has run out or was mistyped. Ask for a new one.',
    'sign-in.wrong-credentials': 'Name or password is wrong.',
    'sign-in.sign-in-failed': 'Name or password is wrong.',
    'sign-in.lost': 'No answer. Try again in a moment.',
    'sign-in.role': 'That sign-in may not use this screen.',
    'sign-in.waiting': 'Connecting',
    'sign-in.guests-off': 'Ordering by phone is switched off here. Please order at a kiosk or at the counter.',
  },
  ja: {
    'sign-in.title': 'この画面にサインイン',
    'sign-in.lead': 'コードは店舗の管理者にお尋ねください。',
    'sign-in.code': 'コード',
    'sign-in.user': '名前',
    'sign-in.password': 'パスワード',
    'sign-in.go': 'サインイン',
    'sign-in.by-code': 'コードを使う',
    'sign-in.by-pair': 'この画面にコードを表示',
    'sign-in.by-pin': '名前とPINを使う',
    'sign-in.by-password': '名前とパスワードを使う',
    'sign-in.pair-lead': '店舗の管理者が「運用」の「端末」でこのコードを入力します。',
    'sign-in.pair-code': 'この画面のコード',
    'sign-in.pin': 'PIN',
    'sign-in.digit-back': '最後の数字を消す',
    'sign-in.too-many-tries': '入力を続けて間違えました。しばらく待つか、別の端末をご利用ください。',
    'sign-in.too-many-sign-ins': 'サインインが混み合っています。しばらくしてからお試しください。',
    'sign-in.too-many-requests': '回数が多すぎます。しばらくしてからお試しください。',
    'sign-in.too-many-devices': '端末の数が上限に達しています。管理者にお尋ねください。',
    'sign-in.unknown-code': 'コードが正しくないか、期限切れです。新しいコードをお求めください。',
    'sign-in.wrong-credentials': '名前またはパスワードが違います。',
    'sign-in.sign-in-failed': '名前またはパスワードが違います。',
    'sign-in.lost': '応答がありません。しばらくしてからお試しください。',
    'sign-in.role': 'このサインインではこの画面を使えません。',
    'sign-in.waiting': '接続しています',
    'sign-in.guests-off': 'ただいまスマートフォンからのご注文は受け付けていません。店内の端末かカウンターでご注文ください。',
  },
});

/**
 * @typedef {object} Session
 * @property {string} name
 * @property {string} role
 * @property {number} expires_in
 * @property {{id: string, name: string, time_zone: string}} site
 * @property {{soon_late_seconds: number, late_seconds: number, idle_seconds: number, pay_at_pickup: boolean, guests: boolean}} screens
 */

/** Longest time between two renewals, milliseconds. */
const RENEW_MAX_MS = 6 * 3_600_000;

/** Who is signed in; `undefined` while that is not known, null for nobody. */
export const session = signal(/** @type {Session | null | undefined} */ (undefined));
/** Why the last try did not work: a key of the words. */
export const trouble = signal('');
/** Roles that the page is for. */
let roles = /** @type {string[]} */ ([]);
let renewal = 0;
/** Whether the page is opened as a guest's own. */
let byGuest = false;

/**
 * Finds out who is signed in, by the code in the fragment if there is one.
 * @param {{screen: string, roles: string[]}} page the role `guest` for one that guests open on their phones
 */
export async function begin(page) {
  caller.screen = page.screen;
  roles = page.roles;
  nameDevice(page.screen);
  const fragment = new URLSearchParams(location.hash.slice(1));
  byGuest = roles.includes('guest') && fragment.has('guest');
  const code = fragment.get('code');
  if (code) {
    history.replaceState(null, '', location.pathname + location.search);
    await redeem(code);
  }
  await look();
  if (byGuest && !session.value) await enter();
}

/** Comes in as a guest; asks until there is an answer. */
async function enter() {
  session.value = undefined;
  for (let wait = 1; ; ) {
    try {
      const answer = await call('POST', '/v1/session/guest');
      if (answer.status === 200 || answer.status === 403) {
        trouble.value = answer.status === 200 ? '' : `sign-in.${slug(answer)}`;
        if (answer.status === 200) await look();
        else session.value = null;
        return;
      }
      wait = Number(answer.headers.get('retry-after')) || 1;
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
    await pause(wait * 1_000);
  }
}

/** What this screen is called: by its code, or else by a name of its own until it gets one. @type {{value: string}} */
let device = { value: '' };

/** @param {string} screen */
function nameDevice(screen) {
  const own = `${screen}-${crypto.randomUUID().slice(0, 4)}`;
  device = kept(`device.${screen}`, own, (name) => typeof name === 'string' && /^[\w.:-]{1,64}$/.test(name));
  effect(() => { caller.device = device.value; });
}

/** Nobody is signed in any more; a guest who comes back comes in again. */
export function signedOut() {
  if (byGuest) enter();
  else session.value = null;
}

/** Asks who is signed in until there is an answer. */
export async function look() {
  for (;;) {
    try {
      const { status, body } = await call('GET', '/v1/session');
      if (status === 200) {
        const fits = roles.includes(body.role) || body.role === 'admin';
        if (!fits) trouble.value = 'sign-in.role';
        session.value = fits ? body : null;
        if (fits) renewLater(body.expires_in);
        return;
      }
      if (status === 401 || status === 403) {
        session.value = null;
        return;
      }
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
    await pause(1_000);
  }
}

/** @param {number} seconds that the sign-in is still good for */
function renewLater(seconds) {
  clearTimeout(renewal);
  renewal = setTimeout(async () => {
    try {
      const answer = await act('POST', '/v1/session/cookie', { screen: caller.screen });
      if (answer.status === 401) signedOut();
      else renewLater(answer.status === 200 ? answer.body.expires_in : seconds / 2);
    } catch {
      renewLater(seconds / 2);
    }
  }, Math.min(seconds * 500, RENEW_MAX_MS));
}

/** @param {string} code */
export async function redeem(code) {
  try {
    const answer = await call('POST', '/v1/session/code', { body: { code, screen: caller.screen } });
    trouble.value = answer.status === 200 ? '' : `sign-in.${slug(answer)}`;
    if (answer.status === 200) device.value = answer.body.name;
  } catch {
    trouble.value = 'sign-in.lost';
  }
}

/**
 * @param {string} path
 * @param {Record<string, string>} body name, and what proves it
 */
export async function byName(path, body) {
  try {
    const answer = await call('POST', path, { body });
    if (answer.status !== 200) {
      trouble.value = `sign-in.${slug(answer)}`;
      return;
    }
    // The token goes straight into the cookie; the page keeps none.
    const kept = await fetch('/v1/session/cookie', {
      method: 'POST', body: JSON.stringify({ screen: caller.screen }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${answer.body.access_token}` },
    });
    trouble.value = kept.ok ? '' : 'sign-in.lost';
  } catch {
    trouble.value = 'sign-in.lost';
  }
}

/** Takes the cookie away. */
export async function signOut() {
  await act('DELETE', '/v1/session/cookie', undefined);
  signedOut();
}

/** How often a screen asks whether its code was typed in, milliseconds. */
const CLAIM_MS = 2_000;

/**
 * Shows codes until one of them was typed in, or until `gone`.
 * @param {(code: string) => void} show
 * @param {() => boolean} gone
 */
async function pair(show, gone) {
  while (!gone()) {
    try {
      const asked = await call('POST', '/v1/pairings', { body: { screen: caller.screen } });
      if (asked.status === 201) show(asked.body.code);
      else await pause(1_000 * (Number(asked.headers.get('retry-after')) || 5));
      while (asked.status === 201 && !gone()) {
        await pause(CLAIM_MS);
        const answer = await call('POST', '/v1/pairings/claim', { body: { secret: asked.body.secret } });
        if (answer.status === 200) {
          device.value = answer.body.name;
          trouble.value = '';
          await look();
          return;
        }
        if (answer.status === 401) break;
      }
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      await pause(CLAIM_MS);
    }
  }
}

/** The code by which a screen is let in, large enough to be read out. */
function Pairing() {
  const [code, setCode] = useState('');
  useEffect(() => {
    let gone = false;
    pair(setCode, () => gone);
    return () => { gone = true; };
  }, []);
  const shown = code ? `${code.slice(0, 4)} ${code.slice(4)}` : '…';
  return html`<p class="mid">${t('sign-in.pair-lead')}</p>
    <output class="pair-code" aria-label=${t('sign-in.pair-code')}>${shown}</output>`;
}

/** A field for a PIN with keys for fingers. */
function PinPad() {
  const [pin, setPin] = useState('');
  const type = (/** @type {string} */ digit) => setPin((pin + digit).slice(0, 12));
  return html`<label>${t('sign-in.pin')}<input name="pin" type="password" inputmode="numeric" autocomplete="off" required maxlength="64"
      value=${pin} onInput=${(/** @type {InputEvent} */ event) => setPin(/** @type {HTMLInputElement} */ (event.target).value)} /></label>
    <div class="pin-pad">${['1', '2', '3', '4', '5', '6', '7', '8', '9'].map((digit) => html`<button key=${digit} class="btn" type="button" onClick=${() => type(digit)}>${digit}</button>`)}
      <button class="btn ghost" type="button" aria-label=${t('sign-in.digit-back')} onClick=${() => setPin(pin.slice(0, -1))}><${Icon} name="undo-2" /></button>
      <button class="btn" type="button" onClick=${() => type('0')}>0</button></div>`;
}

/** The ways in that a page has, the usual one first. @returns {string[]} */
function ways() {
  if (caller.screen === 'ops') return ['password', 'pin', 'code'];
  if (caller.screen === 'kitchen') return ['pair', 'pin', 'code', 'password'];
  return ['pair', 'code', 'password'];
}

/** The panel that stands in for the page while nobody is signed in. */
export function SignIn() {
  const [chosen, setWay] = useState('');
  // The page has named itself only after this was first drawn.
  const way = chosen || ways()[0];
  const [working, setWorking] = useState(false);
  if (session.value === undefined) {
    return html`<main class="sign-in"><div><${Logo} /><h1>${t('sign-in.waiting')}</h1></div></main>`;
  }
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const field = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    setWorking(true);
    if (way === 'password') await byName('/v1/session', { user: field('user'), password: field('password') });
    else if (way === 'pin') await byName('/v1/session/pin', { user: field('user'), pin: field('pin') });
    else await redeem(field('code'));
    if (!trouble.value) await look();
    setWorking(false);
  };
  const turn = (/** @type {string} */ other) => {
    trouble.value = '';
    setWay(other);
  };
  return html`<main class="sign-in"><form onSubmit=${submit}>
    <${Logo} />
    <h1>${t('sign-in.title')}</h1>
    ${way === 'pair' && html`<${Pairing} />`}
    ${(way === 'password' || way === 'pin') && html`<label>${t('sign-in.user')}<input name="user" autocomplete="username" required /></label>`}
    ${way === 'password' && html`<label>${t('sign-in.password')}<input name="password" type="password" autocomplete="current-password" required /></label>`}
    ${way === 'pin' && html`<${PinPad} />`}
    ${way === 'code' && html`<p class="mid">${t('sign-in.lead')}</p>
      <label>${t('sign-in.code')}<input name="code" autocomplete="one-time-code" autocapitalize="characters" spellcheck=${false} required /></label>`}
    <p class="err" role="alert">${trouble.value && html`<${Icon} name="octagon-alert" />${t(trouble.value)}`}</p>
    ${way !== 'pair' && html`<button class="btn brand" disabled=${working} aria-busy=${working}>${t('sign-in.go')}</button>`}
    ${ways().filter((other) => other !== way).map((other) => html`<button key=${other} class="btn ghost" type="button" onClick=${() => turn(other)}>${t(`sign-in.by-${other}`)}</button>`)}
  </form></main>`;
}
