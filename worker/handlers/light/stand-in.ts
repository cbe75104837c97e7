/** Of a native prototype: an accessor, or a method. */
interface Member {
  readonly get?: (this: void) => unknown;
  readonly value?: unknown;
}

/**
 * Lets the instances of a class stand in for those of a native one: they are instances of both, and what the class does
 * not have itself is asked of the native object that each of them can make.
 * @param nativeOf makes it once, and gives it from then on
 */
export function standIn<T extends object>(
  light: { readonly prototype: object },
  native: { readonly prototype: T },
  nativeOf: (light: unknown) => T,
): void {
  const members = Object.getOwnPropertyDescriptors(native.prototype) as Readonly<Record<string, Member>>;
  for (const [name, member] of Object.entries(members)) {
    if (name === 'constructor' || Object.hasOwn(light.prototype, name)) continue;
    const { get, value } = member;
    if (get !== undefined) {
      const asked = function (this: unknown): unknown {
        return Reflect.apply(get, nativeOf(this), []);
      };
      Object.defineProperty(light.prototype, name, { ...member, get: asked });
    } else if (typeof value === 'function') {
      const asked = function (this: unknown, ...args: unknown[]): unknown {
        return Reflect.apply(value, nativeOf(this), args);
      };
      Object.defineProperty(light.prototype, name, { ...member, value: asked });
    }
  }
  // So that it is the native one's.
  Reflect.deleteProperty(light.prototype, 'constructor');
  Object.setPrototypeOf(light.prototype, native.prototype);
}
