const MASK = '***';

/**
 * The request without its secrets: CSI 1.13 marks them with `csi_secret`, and every such field is a map called
 * `secrets` at the top of a request (a test reads csi.proto for that). No room below needs one, so the masked
 * request is the only one that is decoded or logged.
 */
export function redact<Request extends object>(request: Request): Request {
  if (!('secrets' in request) || typeof request.secrets !== 'object' || request.secrets === null)
    return request;
  const masked = Object.fromEntries(Object.keys(request.secrets).map((key) => [key, MASK]));
  return { ...request, secrets: masked };
}
