import { pathToFileURL } from 'node:url';
import { TestRunner } from 'vitest';
import { currentTrial } from './trial.ts';

/** Loads the test files again for each mutant, with the mutant's number in the URL. See `session.ts`. */
export default class MutantRunner extends TestRunner {
  override importFile(file: string): unknown {
    return import(`${pathToFileURL(file).href}?mutant=${currentTrial.number}`);
  }
}
