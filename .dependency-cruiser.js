// Who may know whom. Type imports count like any other.
const SDKS = 'node_modules/(axios|@nestjs/axios|ioredis|ssh2|dockerode|@kubernetes/client-node)/';
const PRODUCT = '^(apps|libs)/';
const SPEC = '\\.spec\\.ts$';

/** A lib may import itself, the libs named and packages; never another lib of ours, an app or test. */
const mayKnow = (libs, allowed) => ({
  name: `${libs.replace(/\|/g, '-')}-may-know-${['itself', ...allowed].join('-')}`,
  severity: 'error',
  from: { path: `^libs/(${libs})/`, pathNot: SPEC },
  to: { path: '^(apps|libs|test|bench)/', pathNot: ['^libs/$1/', ...allowed.map((lib) => `^libs/${lib}/`)] },
});

export default {
  forbidden: [
    mayKnow('core', []),
    mayKnow('auth', ['core']),
    mayKnow('audit|servers|webhooks|docker|kubernetes|harbor|inventory', ['auth', 'core']),
    {
      name: 'libs-are-listed-here',
      comment: 'A new lib gets its line in "who may know whom".',
      severity: 'error',
      from: { path: '^libs/', pathNot: '^libs/(core|auth|audit|servers|webhooks|docker|kubernetes|harbor|inventory)/' },
      to: {},
    },
    {
      name: 'no-deep-import',
      comment: 'Another lib is its index.ts: import from #lib, and export there what others may use.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'no-deep-import-from-app',
      severity: 'error',
      from: { path: '^(apps|bench)/', pathNot: SPEC },
      to: { path: '^libs/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'libs-by-name',
      comment: 'Relative paths stay inside a lib (or app); other libs are imported as #lib.',
      severity: 'error',
      from: { path: '^(apps|libs)/([^/]+)/' },
      to: { path: '^(apps|libs)/', pathNot: '^$1/$2/', dependencyTypesNot: ['aliased-subpath-import'] },
    },
    {
      name: 'product-not-from-test',
      severity: 'error',
      from: { path: PRODUCT, pathNot: SPEC },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'sdk-only-in-client',
      comment: 'Only *.client.ts knows an SDK; what it answers and throws is ours.',
      severity: 'error',
      from: { path: PRODUCT, pathNot: ['\\.client\\.ts$', '\\.client\\.spec\\.ts$', '^libs/core/.*\\.module\\.ts$'] },
      to: { path: SDKS },
    },
    {
      name: 'core-modules-import-http-module-only',
      severity: 'error',
      from: { path: '^libs/core/.*\\.module\\.ts$' },
      to: { path: SDKS, pathNot: 'node_modules/@nestjs/axios/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^(apps|libs|test|bench)/' },
      to: { circular: true },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^(apps|libs|test|bench)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'product-needs-dependencies',
      comment: 'What the product imports is in "dependencies": the image has nothing else.',
      severity: 'error',
      from: { path: PRODUCT, pathNot: SPEC },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      conditionNames: ['types', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
