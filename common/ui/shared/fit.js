// Screens are drawn for one size and scaled to the display, so that text keeps its share of it.

/**
 * Scales the page so that `width` × `height` fit. What the display has more than that is given
 * to the page in the directions that flex, as `--w` and `--h`.
 * @param {number} width
 * @param {number} height
 * @param {{flexWidth?: boolean, flexHeight?: boolean, leastHeight?: number}} [options]
 */
export function fit(width, height, { flexWidth = false, flexHeight = false, leastHeight = height } = {}) {
  const root = document.documentElement;
  const scale = () => {
    const [across, down] = [window.innerWidth / width, window.innerHeight / (flexHeight ? leastHeight : height)];
    const factor = Math.min(across, down);
    root.style.setProperty('zoom', String(factor));
    root.style.setProperty('--w', `${flexWidth ? Math.max(width, window.innerWidth / factor) : width}px`);
    root.style.setProperty('--h', `${flexHeight ? window.innerHeight / factor : height}px`);
  };
  window.addEventListener('resize', scale);
  scale();
}
