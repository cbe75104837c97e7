/**
 * What the page at `/-/docs` changes of its package's style. The colours have a contrast of at least 4.5 to 1
 * (WCAG 2.2, 1.4.3).
 */
export const pageStyle = `body { margin: 0; }
.swagger-ui .info { margin: 24px 0; }
.swagger-ui .info .title small { background: #565d6b; }
.swagger-ui .info .title small.version-stamp { background: #3f6600; }
.swagger-ui .info .url, .swagger-ui .info a, .swagger-ui a.nostyle, .swagger-ui .markdown a { color: #1a5a9e; }
.swagger-ui .btn.authorize { color: #14683f; border-color: #14683f; }
.swagger-ui .btn.authorize svg { fill: #14683f; }
.swagger-ui .btn.cancel { color: #b3261e; border-color: #b3261e; }
.swagger-ui .btn.execute { background: #1a5a9e; border-color: #1a5a9e; }
.swagger-ui .opblock .opblock-summary-method { background: #424a57; text-shadow: none; }
.swagger-ui .opblock.opblock-get .opblock-summary-method { background: #1a5a9e; }
.swagger-ui .opblock.opblock-post .opblock-summary-method { background: #14683f; }
.swagger-ui .opblock.opblock-put .opblock-summary-method { background: #7a4d00; }
.swagger-ui .opblock.opblock-delete .opblock-summary-method { background: #b3261e; }
.swagger-ui .opblock .opblock-summary-description, .swagger-ui .opblock-tag small { color: #3b4151; }
.swagger-ui .parameter__in, .swagger-ui .parameter__type, .swagger-ui .prop-format { color: #50555f; }
.swagger-ui .parameter__name.required::after, .swagger-ui .parameter__name.required span { color: #b3261e; }
.swagger-ui .response-control-media-type__accept-message, .swagger-ui .prop-type { color: #14683f; }
.swagger-ui .response-control-media-type--accept-controller select { border-color: #14683f; }
.swagger-ui .tab li { color: #3b4151; }
.swagger-ui .model-hint, .swagger-ui .json-schema-2020-12__attribute--muted { color: #50555f; }
.swagger-ui :focus-visible { outline: 2px solid #1a5a9e; outline-offset: 2px; }
`;
