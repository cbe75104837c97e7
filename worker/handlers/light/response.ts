import { standIn } from './stand-in.ts';

const Native = globalThis.Response;

/** Statuses from 200 of a `Response` that has no body (Fetch Standard, "null body status"). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** All that a `Response` is made of, as long as nobody has asked it for more. */
export interface PlainResponse {
  readonly status: number;
  /** Content-Type, where the headers do not have it; bytes have none. */
  readonly type: string | undefined;
  readonly headers: Headers | undefined;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** @returns the headers, with Content-Type among them where the body has a type. */
export function allHeaders({ type, headers = new Headers() }: PlainResponse): Headers {
  if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type);
  return headers;
}

/** A `Response` with a text or bytes that becomes a native one when it is asked for more than its status. */
class LightResponse {
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

  /** @returns what it is made of; undefined for any other value, and where the native one was asked for. */
  static plain(value: object): PlainResponse | undefined {
    return #plain in value && value.#native === undefined ? value.#plain : undefined;
  }

  static native(this: void, light: unknown): Response {
    if (!(light instanceof LightResponse)) throw new TypeError('Illegal invocation');
    if (light.#native === undefined) {
      const { status, body } = light.#plain;
      light.#native = new Native(body, { status, headers: allHeaders(light.#plain) });
    }
    return light.#native;
  }
}

standIn(LightResponse, Native, LightResponse.native);

/** @returns the `Response`, if it is one that is as light as that; undefined where the native one must say what it is. */
function makeLight(
  type: string | undefined,
  init: unknown,
  bodyOf: () => PlainResponse['body'] | undefined,
): LightResponse | undefined {
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
  return body === undefined ? undefined : new LightResponse({ status, type, headers, body });
}

/** @returns a copy of the bytes of a buffer, or of a view of bytes; undefined for anything else, and where they may change their size. */
function copyOf(body: unknown): Uint8Array<ArrayBuffer> | undefined {
  const buffer = body instanceof Uint8Array ? body.buffer : body;
  if (!(buffer instanceof ArrayBuffer) || buffer.resizable || buffer.detached) return undefined;
  return body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(buffer.slice());
}

function lightResponse(body: unknown, init: unknown): LightResponse | undefined {
  if (typeof body === 'string') return makeLight('text/plain;charset=UTF-8', init, () => body);
  const bytes = copyOf(body);
  return bytes && makeLight(undefined, init, () => bytes);
}

/** @returns what a `Response` is made of that nobody has asked for more; undefined for any other. */
export function plainResponse(response: Response): PlainResponse | undefined {
  return LightResponse.plain(response);
}

/**
 * Makes `new Response(text or bytes, init)` and `Response.json(data, init)` light: the native one makes a stream of it and
 * reads that again, which takes a third of all that a worker does for a small request. Any other is native.
 */
export function lightenResponse(): void {
  if (globalThis.Response !== Native) return;
  const LightNative: typeof Response = new Proxy(Native, {
    construct(native, args: unknown[], newTarget) {
      if (newTarget !== LightNative) return Reflect.construct(native, args, newTarget) as Response;
      const [body, init] = args;
      return lightResponse(body, init) ?? (Reflect.construct(native, args) as Response);
    },
  });
  const json = new Proxy(Reflect.get<typeof Native, 'json'>(Native, 'json'), {
    apply(native, self, args: Parameters<typeof Native.json>) {
      const [data, init] = args;
      return (
        makeLight('application/json', init, () => JSON.stringify(data)) ?? Reflect.apply(native, self, args)
      );
    },
  });
  Object.defineProperty(Native, 'json', { value: json });
  Object.defineProperty(Native.prototype, 'constructor', { value: LightNative });
  globalThis.Response = LightNative;
}
