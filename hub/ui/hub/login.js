// The way in: name and password, or a code that another browser shows.
import { byName, look, redeem, session, trouble } from '../shared/sign-in.js';
import { html, Icon, Logo, Mark, useState } from '../shared/ui.js';
import { language, speak, t } from '../shared/words.js';

const IMG = new URL('../img/', import.meta.url).pathname;
/** Pictures beside the form: name, left, top, size. @type {[string, number, number, number][]} */
const PICTURES = [['bento', 80, 164, 220], ['ramen', 386, 58, 240], ['onigiri', 588, 148, 172], ['bubble-tea', 134, 402, 184], ['curry-rice', 296, 372, 320], ['pudding', 632, 462, 156]];

export function Login() {
  const [code, setCode] = useState(false);
  const [shown, setShown] = useState(false);
  const [working, setWorking] = useState(false);
  if (session.value === undefined) return html`<main class="login"><div class="l"><${Logo} /><p class="lead" role="status">${t('sign-in.waiting')}</p></div></main>`;
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const field = (/** @type {string} */ name) => String(new FormData(form).get(name) ?? '');
    setWorking(true);
    if (code) await redeem(field('code'));
    else await byName('/v1/session', { user: field('user').trim(), password: field('password') });
    if (!trouble.value) await look();
    else /** @type {HTMLInputElement | null} */ (form.querySelector(code ? '[name=code]' : '[name=password]'))?.focus();
    setWorking(false);
  };
  const bad = trouble.value ? 'bad' : '';
  const about = trouble.value ? 'login-error' : undefined;
  return html`<main class="login"><div class="l"><${Logo} />
    <form onSubmit=${submit}><h1>${t('login.title')}</h1><p class="lead">${t('login.lead')}</p>
      ${code ? html`<label>${t('sign-in.code')}<span class="field ${bad}"><${Icon} name="key-round" /><input name="code" autocomplete="one-time-code" autocapitalize="characters" spellcheck=${false} required aria-describedby=${about} /></span></label>` : html`
      <label>${t('login.user')}<span class="field"><${Icon} name="user" /><input name="user" autocomplete="username" spellcheck=${false} autocapitalize="none" required /></span></label>
      <label>${t('login.password')}<span class="field ${bad}"><${Icon} name="lock" /><input name="password" type=${shown ? 'text' : 'password'} autocomplete="current-password" required aria-describedby=${about} aria-invalid=${Boolean(bad)} />
        <button type="button" class="btn sm ghost" aria-pressed=${shown} onClick=${() => setShown(!shown)}><${Icon} name="eye" />${t('login.show')}</button></span></label>`}
      <p class="err" role="alert" id="login-error">${trouble.value && html`<${Icon} name="octagon-alert" />${t(trouble.value)}`}</p>
      <button class="btn primary" disabled=${working} aria-busy=${working}>${t('sign-in.go')}</button>
      <button class="btn ghost" type="button" onClick=${() => { trouble.value = ''; setCode(!code); }}>${t(code ? 'sign-in.by-password' : 'sign-in.by-code')}</button>
      <p class="foot">${t('login.foot')}</p></form>
    <div class="foot"><span>Sunakku</span><span class="row"><${Icon} name="languages" />${[['en', 'English'], ['ja', '日本語']].map(([tag, name]) => html`<button key=${tag} class="lang" lang=${tag} aria-pressed=${language.value === tag} onClick=${() => speak(tag)}>${name}</button>`)}</span></div></div>
    <div class="r" aria-hidden="true"><${Mark} />${PICTURES.map(([name, left, top, size]) => html`<img key=${name} src="${IMG}${name}.svg" alt="" width=${size} height=${size} style=${{ left: `${left}px`, top: `${top}px` }} />`)}
      <p class="motto">${t('login.motto')}</p></div></main>`;
}
