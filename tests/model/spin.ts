import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a search of a model has found. */
export interface Searched {
  readonly errors: number;
  /** The first error, as spin says it; '' if there is none. */
  readonly error: string;
  readonly states: number;
  readonly depth: number;
  readonly seconds: number;
  /**
   * Of a search by bitstate: how many bits of its table there are for each state. Above 100, it has most
   * probably missed no state. Undefined for other searches.
   */
  readonly hashFactor: number | undefined;
  /** Why the search says nothing: memory, time or depth was not enough; '' if it is complete. */
  readonly cut: string;
  /** The steps that led to the first error. */
  readonly trail: string;
}

/** How a model is searched: completely, until the first error, or by bitstate for so many minutes. */
export type Search = 'complete' | 'first' | { readonly minutes: number };

interface Ran {
  readonly code: number;
  readonly output: string;
}

const folder = join(import.meta.dirname, '../../docs/model');
/** For a search, in MB. */
const memoryMb = 4000;

/**
 * Compiles a model in a folder of its own, and searches it.
 * @param model its file in docs/model, without the ending.
 * @throws if spin or the compiler refuses it.
 */
export async function searchModel(
  model: string,
  defines: readonly string[],
  search: Search,
): Promise<Searched> {
  const work = await mkdtemp(join(tmpdir(), 'ringpost-model-'));
  try {
    const macros = defines.map((each) => `-D${each}`);
    const file = join(folder, `${model}.pml`);
    await mustRun(work, 'spin', [...macros, '-a', file]);
    const isBitstate = typeof search === 'object';
    const options = isBitstate ? ['-DBITSTATE'] : ['-DCOLLAPSE', `-DMEMLIM=${memoryMb}`];
    // Partial order reduction is not sound for processes that are only `provided` something.
    if ((await readFile(file, 'utf8')).includes(' provided ')) options.push('-DNOREDUCE');
    const level = search === 'first' ? '-O0' : '-O2';
    await mustRun(work, 'cc', [level, '-w', '-DSAFETY', ...options, '-o', 'pan', 'pan.c']);
    const limits = isBitstate ? ['-w33', '-k3', '-m2000000', `-Q${search.minutes}`] : ['-w22', '-m100000'];
    // States without a next step are judged by the process End of each model.
    const { output } = await run(work, './pan', ['-E', ...limits]);
    const searched = parse(output, isBitstate);
    if (searched.errors === 0) return searched;
    const trace = ['-t', '-k', join(work, `${model}.pml.trail`), '-p', '-g', '-l'];
    const { output: trail } = await run(work, 'spin', [...macros, ...trace, file]);
    return { ...searched, trail };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @param output of a verifier. @param isBitstate whether it may end before it has seen all states. */
export function parse(output: string, isBitstate = false): Searched {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  const errors = number(/errors: (\d+)/);
  const cuts = [
    Number.isNaN(errors) ? `the verifier has failed: ${output.trim().split('\n').at(-1)}` : '',
    output.includes('max search depth too small') ? 'the search depth was not enough' : '',
    output.includes('Search not completed') && errors === 0 && !isBitstate ? 'it was not completed' : '',
  ];
  return {
    errors,
    error: /pan:\d+: (.*) \(at depth/.exec(output)?.[1] ?? '',
    states: number(/([\d.e+]+) states, stored/),
    depth: number(/depth reached (\d+)/),
    seconds: number(/elapsed time ([\d.e+-]+) seconds/),
    hashFactor: isBitstate ? number(/hash factor: ([\d.e+]+)/) : undefined,
    cut: cuts.find((each) => each !== '') ?? '',
    trail: '',
  };
}

async function mustRun(cwd: string, command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(cwd, command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${output}`);
}

function run(cwd: string, command: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}
