/** A member of a native prototype: an accessor or a method. */
interface Member {
  readonly get?: (this: void) => unknown;
  readonly value?: unknown;
}

/**
 * Lets the instances of a class stand in for those of a native class. They are instances of both. Members
 * that the class does not have are taken from the native object that each instance can make.
 * @param nativeOf makes the native object once, and returns the same one from then on.
 */
export function standIn<T extends object>(
  lazy: { readonly prototype: object },
  native: { readonly prototype: T },
  nativeOf: (lazy: unknown) => T,
): void {
  // A native prototype has only accessors and methods.
  const members = Object.getOwnPropertyDescriptors(native.prototype) as Readonly<Record<string, Member>>;
  for (const [name, member] of Object.entries(members)) {
    if (name === 'constructor' || Object.hasOwn(lazy.prototype, name)) continue;
    const { get, value } = member;
    if (get !== undefined) {
      const asked = function (this: unknown): unknown {
        return Reflect.apply(get, nativeOf(this), []);
      };
      Object.defineProperty(lazy.prototype, name, { ...member, get: asked });
    } else if (typeof value === 'function') {
      const asked = function (this: unknown, ...args: unknown[]): unknown {
        return Reflect.apply(value, nativeOf(this), args);
      };
      Object.defineProperty(lazy.prototype, name, { ...member, value: asked });
    }
  }
  // `constructor` is the native class then.
  Reflect.deleteProperty(lazy.prototype, 'constructor');
  Object.setPrototypeOf(lazy.prototype, native.prototype);
}
