'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** Folders of packages that ship ES modules only: swc turns them into CommonJS, as it does with our own sources. */
function esmPackages() {
  const installed = path.join(__dirname, 'node_modules', '.package-lock.json');
  const folders = Object.keys(JSON.parse(fs.readFileSync(installed, 'utf8')).packages);
  return folders.filter((folder) => {
    const manifest = path.join(__dirname, folder, 'package.json');
    if (!fs.existsSync(manifest)) return false;
    const { type, exports } = JSON.parse(fs.readFileSync(manifest, 'utf8'));
    return type === 'module' && !exports?.['.']?.require;
  });
}

const swc = [
  '@swc/jest',
  {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  },
];

const project = (name, more) => ({
  displayName: name,
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  // Its exports know only `import`, which nothing required can resolve.
  moduleNameMapper: { '^unicorn-magic$': '<rootDir>/node_modules/unicorn-magic/node.js' },
  transform: { '\\.[cm]?[jt]s$': swc },
  // A package's own nested node_modules are packages of their own.
  transformIgnorePatterns: [
    `^(?!${__dirname}/(?:${esmPackages().join('|')})/(?!node_modules/)).*/node_modules/`,
  ],
  ...more,
});

/** `npm test` (scripts/test.js) runs unit and workflow in two workers, then lab by itself. */
module.exports = {
  maxWorkers: 2,
  maxConcurrency: 3,
  testTimeout: 300_000,
  projects: [
    project('unit'),
    project('workflow', {
      globalSetup: '<rootDir>/test/support/workflow-setup.ts',
    }),
    project('lab', {
      globalSetup: '<rootDir>/test/support/lab-setup.ts',
      globalTeardown: '<rootDir>/test/support/lab-teardown.ts',
    }),
  ],
};
