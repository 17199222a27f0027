'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** Packages that ship ES modules only or first: swc turns them into CommonJS, as it does with our own sources. */
function esmPackages() {
  const modules = path.join(__dirname, 'node_modules');
  const names = fs
    .readdirSync(modules)
    .flatMap((name) =>
      name.startsWith('@')
        ? fs.readdirSync(path.join(modules, name)).map((inner) => `${name}/${inner}`)
        : [name],
    );
  return names.filter((name) => {
    const manifest = path.join(modules, name, 'package.json');
    return (
      fs.existsSync(manifest) && JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module'
    );
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
  transform: { '\\.[cm]?[jt]s$': swc },
  transformIgnorePatterns: [
    `/node_modules/(?!(?:.*/node_modules/)?(?:${esmPackages().join('|')})/)`,
  ],
  ...more,
});

/** `npm test` (scripts/test.js) runs unit and workflow in two workers, then lab by itself. */
module.exports = {
  maxWorkers: 2,
  testTimeout: 180_000,
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
