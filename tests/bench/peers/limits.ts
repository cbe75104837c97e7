/** The largest body that gateways and proxies take: that of the largest request, and room for more. */
export const maxBodyBytes = 2 ** 21;
