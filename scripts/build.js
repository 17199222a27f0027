// Makes a checkout runnable: dependencies, compiled sources and the workflow bundle, each only when stale.
'use strict';
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const at = (...parts) => path.join(root, ...parts);

function run(command, args) {
  // stdout belongs to the command's own result (-o json), so tools speak on stderr.
  execFileSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(path.relative(root, file)).update(fs.readFileSync(file));
  return hash.digest('hex');
}

function filesUnder(dir) {
  return fs
    .readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');

/** Runs `work` unless `stamp` already holds `hash`; two processes at once do it one after the other. */
function whenStale(stamp, hash, what, work) {
  if (read(stamp) === hash) return;
  const lock = at('.build-lock');
  const free = waitForLock(lock);
  try {
    if (read(stamp) === hash) return;
    process.stderr.write(`homeostat: ${what}\n`);
    work();
    fs.mkdirSync(path.dirname(stamp), { recursive: true });
    fs.writeFileSync(stamp, hash);
  } finally {
    free();
  }
}

function waitForLock(lock) {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return () => fs.rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const owner = Number(read(lock));
      if (owner && !fs.existsSync(`/proc/${owner}`) && process.platform === 'linux') {
        fs.rmSync(lock, { force: true });
      }
      Atomics.wait(pause, 0, 0, 100);
    }
  }
}

function installDependencies() {
  const lockfile = at('package-lock.json');
  whenStale(at('node_modules', '.homeostat'), hashOf([lockfile]), 'installing npm packages', () =>
    run('npm', ['ci', '--no-audit', '--no-fund']),
  );
}

function compile() {
  const hash = hashOf([...filesUnder(at('src')), at('package-lock.json'), at('tsconfig.json')]);
  whenStale(at('dist', '.built'), hash, 'compiling', () => {
    // What runs from dist meanwhile keeps its files until the new ones are whole.
    const draft = at('dist.draft');
    fs.rmSync(draft, { recursive: true, force: true });
    const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
    run(process.execPath, [tsc, '-p', at('tsconfig.json'), '--outDir', draft]);
    run(process.execPath, [at('scripts', 'bundle.js'), draft]);
    fs.rmSync(at('dist'), { recursive: true, force: true });
    fs.renameSync(draft, at('dist'));
  });
}

function prepare() {
  installDependencies();
  compile();
}

module.exports = { prepare, run, root };
if (require.main === module) prepare();
