import { registerHooks } from 'node:module';

// What the tests import as .js is .ts here, where nothing is built. Import this first, and the tests' modules with import() after it.
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (!specifier.startsWith('.') || !specifier.endsWith('.js')) throw error;
      return next(specifier.replace(/\.js$/, '.ts'), context);
    }
  },
});
