import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * Jest runs in CommonJS mode (its ESM mode can't load throttler), so packages that are ESM are transformed too. So are
 * their CommonJS builds, for the `import()` in them.
 * Which ones they are is read from node_modules: a list would be wrong after the next update.
 */
function esmPackages(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    if (name.startsWith('@'))
      return esmPackages(path).map((inner) => (inner.includes('@') ? inner : `${name}/${inner}`));
    const isEsm =
      existsSync(`${path}/package.json`) && JSON.parse(readFileSync(`${path}/package.json`, 'utf8')).type === 'module';
    return [...(isEsm ? [name] : []), ...esmPackages(`${path}/node_modules`)];
  });
}

const esm = [...new Set(esmPackages(`${import.meta.dirname}/node_modules`))].join('|');

const swc = {
  jsc: {
    target: 'es2024',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};

export default {
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/test'],
  // Real and long tests have names of their own (*.real-spec.ts, *.long-spec.ts) and are asked for by scripts/test.mjs.
  testMatch: ['**/*.spec.ts', '**/*.e2e-spec.ts'],
  testEnvironment: 'node',
  resolver: '<rootDir>/scripts/jest-resolver.cjs',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: { '\\.(ts|[cm]?js)$': ['@swc/jest', swc] },
  transformIgnorePatterns: [`/node_modules/(?!.*/node_modules/)(?!(${esm})/).*\\.c?js$`],
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  maxWorkers: 2,
  testTimeout: 120_000,
};
