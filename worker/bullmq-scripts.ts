import { createRequire } from 'node:module';
import { includeInto, luaFunction } from '#shared/scripts/compose.ts';
import { provenBullMq, scriptText } from '#shared/scripts/load.ts';

/** A script of BullMQ as its package has it. */
interface BullMqScript {
  readonly content: string;
}

const require = createRequire(import.meta.url);

/** @returns the version of BullMQ that is installed. */
export function bullMqVersion(): string {
  return (require('bullmq/package.json') as { version: string }).version;
}

/**
 * @param version of BullMQ.
 * @returns the text of the batched consumer's tick, made of BullMQ's own scripts; or why it cannot be made.
 */
export function tickScript(version = bullMqVersion()): { readonly lua: string } | { readonly fault: string } {
  if (version !== provenBullMq) {
    return { fault: `BullMQ is ${version}, and the batched consumer is proven with ${provenBullMq}` };
  }
  const script = (file: string, name: string): string => {
    // Files of the package that only its own client reads; the version above says that they are there.
    const found = require(`bullmq/dist/cjs/scripts/${file}`) as Record<string, BullMqScript>;
    return luaFunction(name, found[name]?.content ?? '');
  };
  const functions = [
    script('moveToActive-11', 'moveToActive'),
    script('moveToFinished-14', 'moveToFinished'),
  ];
  return { lua: includeInto(scriptText('tick'), functions) };
}
