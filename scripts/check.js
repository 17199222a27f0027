// Every static check at once; each speaks only when it fails, and one failure fails the whole.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { prepare, root } = require('./build.js');

const checks = ['typecheck', 'lint', 'format:check', 'unused'];

/** Runs one npm script to its end and says how it went. */
function runCheck(name) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn('npm', ['run', '--silent', name], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on('close', (code) => {
      const seconds = ((Date.now() - started) / 1_000).toFixed(1);
      if (code !== 0) process.stderr.write(`\n--- ${name}\n${Buffer.concat(output)}\n`);
      process.stderr.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
      resolve(code === 0);
    });
  });
}

/** What does not compile is the typecheck's to say; only missing packages make the rest useless. */
function prepareQuietly() {
  try {
    prepare();
  } catch (error) {
    if (!fs.existsSync(path.join(root, 'node_modules', '.bin'))) throw error;
    process.stderr.write(`homeostat: ${error.message}; the checks go on\n`);
  }
}

async function main() {
  prepareQuietly();
  const passed = await Promise.all(checks.map(runCheck));
  process.exitCode = passed.every(Boolean) ? 0 : 1;
}

main();
