import { Command } from 'ioredis';

const clearTimers = '_clearTimers';
const convertValue = '_convertValue';

/** The members of an ioredis command that its types hide. */
interface Internals {
  readonly name: string;
  readonly callback: unknown;
  readonly errorStack: unknown;
  transformed: boolean;
  isResolved: boolean;
  isSettled: boolean;
  promise: Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  initPromise: (this: Internals) => void;
  stringifyArguments(): void;
  [clearTimers](): void;
  [convertValue](resolve: (value: unknown) => void): (value: unknown) => void;
}

/** The commands that each request sends. ioredis changes nothing in their arguments. */
const perRequest: readonly string[] = ['evalsha', 'blmpop'];

/**
 * Keeps ioredis's commands out of V8's old generation. ioredis writes `this.reject = (error) => …` for each
 * command, and V8 allocates a function that is written as the value of a property there. Here the function
 * gets a name first. A version of ioredis that no longer does so is left as it is. See docs/v8.md.
 */
export function patchCommandPromises(): void {
  const prototype = Command.prototype as unknown as Internals; // the class hides these members
  const original = prototype.initPromise;
  if (!String(original).includes('this.reject = (')) return;
  prototype.initPromise = function (this: Internals) {
    if (!perRequest.includes(this.name) || this.callback !== undefined || this.errorStack !== undefined) {
      original.call(this);
      return;
    }
    this.isResolved = false;
    this.isSettled = false;
    this.promise = new Promise((resolve, reject) => {
      if (!this.transformed) {
        this.transformed = true;
        this.stringifyArguments();
      }
      this.resolve = this[convertValue](resolve);
      const rejected = (error: Error): void => {
        this[clearTimers]();
        this.isSettled = true;
        reject(error);
      };
      this.reject = rejected;
    });
  };
}
