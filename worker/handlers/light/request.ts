import { standIn } from './stand-in.ts';

const Native = globalThis.Request;
const nativeFetch = globalThis.fetch;

/** What a {@link LightRequest} is made of. */
export interface PlainRequest {
  readonly method: string;
  /** As the URL Standard writes it. */
  readonly url: string;
  readonly signal: AbortSignal;
  /** Makes the native one. */
  readonly native: () => Request;
}

/** A `Request` that becomes a native one when it is asked for more than its method, its URL and its signal. */
class LightRequest {
  readonly #plain: PlainRequest;
  #native: Request | undefined;

  constructor(plain: PlainRequest) {
    this.#plain = plain;
  }

  get method(): string {
    return this.#plain.method;
  }

  get url(): string {
    return this.#plain.url;
  }

  get signal(): AbortSignal {
    return this.#plain.signal;
  }

  static native(this: void, light: unknown): Request {
    if (!(light instanceof LightRequest)) throw new TypeError('Illegal invocation');
    light.#native ??= light.#plain.native();
    return light.#native;
  }

  /** @returns the native one of a light one; anything else as it is. */
  static unwrap(this: void, value: unknown): unknown {
    return value !== null && typeof value === 'object' && #plain in value
      ? LightRequest.native(value)
      : value;
  }
}

standIn(LightRequest, Native, LightRequest.native);

/** @returns a `Request` that is light as long as only its method, its URL and its signal are asked for. */
export function lightRequest(plain: PlainRequest): Request {
  return new LightRequest(plain) as unknown as Request;
}

/** Lets `new Request(request)` and `fetch(request)` know light ones: they look into a native one behind its members. */
export function acceptLightRequests(): void {
  if (globalThis.Request !== Native) return;
  const LightNative: typeof Request = new Proxy(Native, {
    construct(native, args: unknown[], newTarget) {
      const made = newTarget === LightNative ? native : newTarget;
      return Reflect.construct(native, args.map(LightRequest.unwrap), made) as Request;
    },
  });
  Object.defineProperty(Native.prototype, 'constructor', { value: LightNative });
  globalThis.Request = LightNative;
  globalThis.fetch = new Proxy(nativeFetch, {
    apply: (fetch, self, args: unknown[]) =>
      Reflect.apply(fetch, self, args.map(LightRequest.unwrap) as Parameters<typeof fetch>),
  });
}
