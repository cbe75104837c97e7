import { methodField } from './people-document.ts';

/** A request that the page is about to send. */
export interface PageRequest {
  url: string;
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/**
 * Makes a request of the page the one that it shows: a dispatched one gets its method, and the path as it was
 * typed, with its slashes and its query. The page's own script contains the text of this function, so it may
 * use nothing from outside.
 * @param field the name of the header field with the method.
 */
export function prepareRequest(request: PageRequest, field: string): PageRequest {
  const headers = request.headers ?? {};
  const { [field]: method, ...others } = headers;
  if (method === undefined) return request;
  request.headers = others;
  request.method = method;
  if (method === 'GET' || method === 'HEAD') {
    delete request.body;
    delete others['Content-Type'];
  }
  const { origin, pathname } = new URL(request.url);
  let path = pathname;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    // It is not UTF-8, and stays as it is.
  }
  request.url = new URL(path.replace(/^\/+/, '/'), origin).href;
  return request;
}

/** The script that starts the page. */
export const pageScript = `'use strict';
${prepareRequest.toString()}
const wrapComponents = {
  OperationSummary: (Original, { React }) => (props) =>
    React.createElement(Original, props.operationProps.get('operationId') === 'dispatch'
      ? { ...props, operationProps: props.operationProps.set('method', 'ANY') }
      : props),
  // The original is a link within a button, which people who use a keyboard cannot tell apart.
  DeepLink: (_Original, { React }) => ({ text }) => React.createElement('span', null, text),
  TextArea: (Original, { React }) => (props) =>
    React.createElement(Original, { 'aria-label': 'Body', ...props }),
};
window.ui = SwaggerUIBundle({
  url: new URL('/-/docs/document.json', location.href).href,
  dom_id: '#docs',
  deepLinking: true,
  layout: 'BaseLayout',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [{ wrapComponents }],
  validatorUrl: null,
  requestInterceptor: (request) => prepareRequest(request, ${JSON.stringify(methodField)}),
});
`;
