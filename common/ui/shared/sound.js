// Chimes, made by the browser itself. It makes none before the first touch or key unless the
// machine is set up as a kiosk; `locked` says which.
import { signal } from './ui.js';

/** A chime that could not ring for so long does not any more, milliseconds. */
const LATE_MS = 5_000;

/** Whether the browser still waits for a touch. */
export const locked = signal(false);
/** @type {AudioContext | null} */
let audio = null;

function context() {
  if (!audio) {
    const made = new AudioContext();
    made.onstatechange = () => { locked.value = made.state !== 'running'; };
    locked.value = made.state !== 'running';
    audio = made;
  }
  return audio;
}

/**
 * Notes one after the other.
 * @param {number[]} hertz
 */
export function chime(hertz) {
  try {
    const at = context();
    const asked = performance.now();
    // One that was just made does not run yet; one that waits for a touch must not ring for all that was missed.
    if (at.state === 'running') ring(at, hertz);
    else at.resume().then(() => { if (performance.now() - asked < LATE_MS) ring(at, hertz); }, () => {});
  } catch {
    // A machine without sound is no reason to fail.
  }
}

/** @param {AudioContext} at @param {number[]} hertz */
function ring(at, hertz) {
  hertz.forEach((pitch, n) => {
    const [tone, volume, start] = [at.createOscillator(), at.createGain(), at.currentTime + n * 0.16];
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.22, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.45);
    tone.connect(volume).connect(at.destination);
    tone.start(start);
    tone.stop(start + 0.5);
  });
}

/** Asks the browser again; called as the page begins, so that `locked` is known, and on any touch or key. */
export function unlock() {
  try {
    context().resume().catch(() => {});
  } catch {
    // The same.
  }
}

/**
 * Says texts aloud, one after the other, where the machine has a voice.
 * @param {...[text: string, language: string]} texts
 */
export function say(...texts) {
  if (!('speechSynthesis' in window)) return;
  speechSynthesis.cancel();
  for (const [text, language] of texts) {
    const words = new SpeechSynthesisUtterance(text);
    words.lang = language;
    speechSynthesis.speak(words);
  }
}
