/**
 * Builds the dashboard at `npm ci`. It does nothing without esbuild, and with a Node.js that cannot load
 * TypeScript: an installation must not fail because of a page.
 */
try {
  await import('esbuild');
} catch {
  skip('esbuild is not installed');
}
if (process.features.typescript === undefined || process.features.typescript === false)
  skip(`Node.js ${process.version} cannot load TypeScript`);
const { buildDashboard } = await import('./build.ts');
await buildDashboard();

/** @param {string} reason */
function skip(reason) {
  console.error(`The dashboard is not built: ${reason}.`);
  process.exit(0);
}
