import { standIn } from './stand-in.ts';

const Native = globalThis.Response;

/** Final statuses of a `Response` without a body (Fetch Standard, "null body status"). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** The parts of a {@link LazyResponse}. */
export interface PlainResponse {
  readonly status: number;
  /** The Content-Type if the headers have none; undefined for bytes. */
  readonly type: string | undefined;
  readonly headers: Headers | undefined;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** @returns the headers, with a Content-Type if the body has a type. */
export function allHeaders({ type, headers = new Headers() }: PlainResponse): Headers {
  if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type);
  return headers;
}

/**
 * A `Response` with a text or bytes that makes a native one only when it is asked for more than its status.
 */
class LazyResponse {
  readonly #plain: PlainResponse;
  #native: Response | undefined;

  constructor(plain: PlainResponse) {
    this.#plain = plain;
  }

  get status(): number {
    return this.#plain.status;
  }

  get ok(): boolean {
    return this.#plain.status < 300;
  }

  /** @returns its parts; undefined for any other value, and if the native response was needed. */
  static plain(value: object): PlainResponse | undefined {
    return #plain in value && value.#native === undefined ? value.#plain : undefined;
  }

  static native(this: void, lazy: unknown): Response {
    if (!(lazy instanceof LazyResponse)) throw new TypeError('Illegal invocation');
    if (lazy.#native === undefined) {
      const { status, body } = lazy.#plain;
      lazy.#native = new Native(body, { status, headers: allHeaders(lazy.#plain) });
    }
    return lazy.#native;
  }
}

standIn(LazyResponse, Native, LazyResponse.native);

/** @returns a lazy response; undefined if only a native one can be made of this, or can refuse it. */
function makeLazy(
  type: string | undefined,
  init: unknown,
  bodyOf: () => PlainResponse['body'] | undefined,
): LazyResponse | undefined {
  let status: unknown = 200;
  let headers: Headers | undefined;
  if (init !== undefined) {
    if (typeof init !== 'object' || init === null) return undefined;
    const given: ResponseInit = init;
    if (given.statusText !== undefined) return undefined;
    if (given.status !== undefined) ({ status } = given);
    try {
      if (given.headers !== undefined) headers = new Headers(given.headers);
    } catch {
      return undefined;
    }
  }
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599)
    return undefined;
  if (BODILESS.has(status)) return undefined;
  const body = bodyOf();
  return body === undefined ? undefined : new LazyResponse({ status, type, headers, body });
}

/**
 * @returns a copy of the bytes of a buffer or `Uint8Array`; undefined for anything else, and if its size may
 * change.
 */
function copyOf(body: unknown): Uint8Array<ArrayBuffer> | undefined {
  const buffer = body instanceof Uint8Array ? body.buffer : body;
  if (!(buffer instanceof ArrayBuffer) || buffer.resizable || buffer.detached) return undefined;
  return body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(buffer.slice());
}

function lazyResponse(body: unknown, init: unknown): LazyResponse | undefined {
  if (typeof body === 'string') return makeLazy('text/plain;charset=UTF-8', init, () => body);
  const bytes = copyOf(body);
  return bytes && makeLazy(undefined, init, () => bytes);
}

/** @returns the parts of a lazy response; undefined for any other, and if the native response was needed. */
export function plainResponse(response: Response): PlainResponse | undefined {
  return LazyResponse.plain(response);
}

/**
 * Makes `new Response(text or bytes, init)` and `Response.json(data, init)` lazy. A native response turns its
 * body into a stream and reads that again, which takes a third of a worker's time for a small request. Any
 * other one is native.
 */
export function installLazyResponse(): void {
  if (globalThis.Response !== Native) return;
  const LazyNative: typeof Response = new Proxy(Native, {
    construct(native, args: unknown[], newTarget) {
      // `Reflect.construct` makes what the native class makes.
      if (newTarget !== LazyNative) return Reflect.construct(native, args, newTarget) as Response;
      const [body, init] = args;
      return lazyResponse(body, init) ?? (Reflect.construct(native, args) as Response);
    },
  });
  const json = new Proxy(Reflect.get<typeof Native, 'json'>(Native, 'json'), {
    apply(native, self, args: Parameters<typeof Native.json>) {
      const [data, init] = args;
      return (
        makeLazy('application/json', init, () => JSON.stringify(data)) ?? Reflect.apply(native, self, args)
      );
    },
  });
  Object.defineProperty(Native, 'json', { value: json });
  Object.defineProperty(Native.prototype, 'constructor', { value: LazyNative });
  globalThis.Response = LazyNative;
}
