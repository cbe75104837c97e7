import { expect, it } from 'vitest';
import { optionalPackage } from '#shared/process/optional-package.ts';
import { ownModule } from '#shared/process/own-module.ts';

it('finds another module in the repository and in the package', () => {
  const path = '../../worker/main.ts';
  expect(ownModule(path, 'file:///a/gateway/drivers/process.ts').href).toBe('file:///a/worker/main.ts');
  expect(ownModule(path, 'file:///a/gateway/drivers/process.js').href).toBe('file:///a/worker/main.js');
});

it('loads an optional package if it is installed', async () => {
  const missing = 'ringpost-no-such-package';
  expect(await optionalPackage('pino', () => import('pino'))).toHaveProperty('pino');
  expect(await optionalPackage(missing, () => import(missing))).toBeUndefined();
});

it('reports a package that an optional package lacks', async () => {
  const missing = 'ringpost-no-such-package';
  await expect(optionalPackage('pino', () => import(missing))).rejects.toThrow(missing);
});
