// Chimes, made by the browser itself. It makes none before the first touch or key unless the
// machine is set up as a kiosk; `muted` says which.
import { signal } from './ui.js';

/** Whether the browser still waits for a touch. */
export const locked = signal(false);
/** @type {AudioContext | null} */
let audio = null;

function context() {
  audio ??= new AudioContext();
  locked.value = audio.state === 'suspended';
  return audio;
}

/**
 * Notes one after the other.
 * @param {number[]} hertz
 */
export function chime(hertz) {
  try {
    const at = context();
    if (at.state === 'suspended') return;
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
  } catch {
    // A machine without sound is no reason to fail.
  }
}

/** Asks the browser again; called on any touch or key. */
export function unlock() {
  context().resume().then(() => { locked.value = false; }, () => {});
}

/**
 * Says something aloud where the machine has a voice.
 * @param {string} text
 * @param {string} language
 */
export function say(text, language) {
  if (!('speechSynthesis' in window) || !text) return;
  speechSynthesis.cancel();
  const words = new SpeechSynthesisUtterance(text);
  words.lang = language;
  speechSynthesis.speak(words);
}
