#!/usr/bin/env node
// Fetches the vendored libraries again, or with --check tells whether they are as vendor.json says.
// To update: change a version in vendor.json, empty its "integrity", run `node refresh.mjs`, look at the diff.
// The only change made to a file: bare imports become relative ones, because there is no build step.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const list = join(here, 'vendor.json');
const vendor = JSON.parse(readFileSync(list, 'utf8'));
const sha256 = (data) => createHash('sha256').update(data).digest('hex');

const IMPORTS = {
  preact: './preact.js',
  'preact/hooks': './preact-hooks.js',
  '@preact/signals-core': './signals-core.js',
};

/** One file as it is kept. */
function kept(folder, file, about) {
  if (file.icons) return sprite(folder, file, about);
  const data = readFileSync(join(folder, file.from));
  if (!file.to.endsWith('.js')) return data;
  const text = data.toString('utf8').replace(/^\/\/# sourceMappingURL=.*$/gm, '');
  const relative = text.replace(/(\bfrom\s*|\bimport\s*)(["'])([^"'.][^"']*)\2/g, (_, word, quote, name) => {
    if (!IMPORTS[name]) throw new Error(`${file.to} imports "${name}", which is not vendored`);
    return `${word}${quote}${IMPORTS[name]}${quote}`;
  });
  return `// ${about}\n${relative.trim()}\n`;
}

/** Single icons as the symbols of one file. */
function sprite(folder, file, about) {
  const symbols = file.icons.map((name) => {
    const svg = readFileSync(join(folder, file.from.replace('*', name)), 'utf8');
    const inner = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>'));
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner.replace(/\s*\n\s*/g, '')}</symbol>`;
  });
  return `<!-- ${about} -->\n<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join('\n')}\n</svg>\n`;
}

function check() {
  const wrong = vendor.packages.flatMap(({ files }) => files)
    .filter((file) => sha256(readFileSync(join(here, file.to))) !== file.sha256);
  for (const file of wrong) console.error(`${file.to} is not what vendor.json says`);
  process.exit(wrong.length ? 1 : 0);
}

function refresh() {
  const licences = [];
  const scratch = mkdtempSync(join(tmpdir(), 'sunakku-vendor-'));
  try {
    for (const part of vendor.packages) {
      const [packed] = JSON.parse(execFileSync('npm',
        ['pack', '--json', '--pack-destination', scratch, `${part.name}@${part.version}`],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      if (part.integrity && part.integrity !== packed.integrity) {
        throw new Error(`${part.name}@${part.version} has changed at the registry`);
      }
      part.integrity = packed.integrity;
      execFileSync('tar', ['-xzf', join(scratch, packed.filename), '-C', scratch]);
      const about = `${part.name} ${part.version}, ${part.licence}`;
      for (const file of part.files) {
        const data = kept(join(scratch, 'package'), file, about);
        writeFileSync(join(here, file.to), data);
        file.sha256 = sha256(data);
      }
      const text = join(scratch, 'package', 'LICENSE');
      licences.push(`== ${about}\n\n${existsSync(text) ? readFileSync(text, 'utf8').trim() : 'See the file.'}\n`);
      rmSync(join(scratch, 'package'), { recursive: true });
    }
    writeFileSync(join(here, 'LICENSES.txt'), licences.join('\n'));
    writeFileSync(list, JSON.stringify(vendor, null, 1) + '\n');
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

if (process.argv[2] === '--check') check();
else refresh();
