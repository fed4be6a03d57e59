const { existsSync } = require('node:fs');
const { join, resolve } = require('node:path');

const ROOT = resolve(__dirname, '..');

/**
 * Our sources are imported as what they will be (`./page.js`, and `#core` of dist); tests read the sources themselves.
 * Packages resolve as they always do: they have `./x.js` that is JavaScript, and `#names` of their own.
 */
module.exports = (request, options) => {
  if (!options.basedir.includes('node_modules')) {
    const source = sourceOf(request, options.basedir);
    if (source && existsSync(source)) return source;
  }
  return options.defaultResolver(request, options);
};

function sourceOf(request, basedir) {
  const lib = /^#([a-z]+)$/.exec(request)?.[1];
  if (lib) return join(ROOT, 'libs', lib, 'src/index.ts');
  if (/^\.{1,2}\/.*\.js$/.test(request)) return resolve(basedir, request.replace(/\.js$/, '.ts'));
  return undefined;
}
