import { isIP } from 'node:net';
import type { ListenAddress } from '../metrics/server.ts';
import { type Described, wrong } from './arguments.ts';

export const METRICS_ADDRESS: Described = {
  type: 'string',
  placeholder: 'HOST:PORT',
  help: 'serve metrics for Prometheus at /metrics there; an IPv6 address in brackets (default: not served)',
  fallback: undefined,
};

/**
 * `10.0.0.7:8080`, `localhost:8080`, `[fd00::7]:8080`. Brackets may stand around any address, so that a manifest can
 * write `[$(POD_IP)]:8080` for either family. Port 0 is any free one.
 * @throws DriverError `invalid-argument`
 */
export function metricsAddressOf(text: string | undefined): ListenAddress | undefined {
  if (text === undefined) return undefined;
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host !== undefined && Number(port) <= 65535 && (bracketed === undefined || isIP(bracketed) !== 0))
    return { host, port: Number(port) };
  throw wrong(
    `--metrics-address is "${text}", want HOST:PORT such as 0.0.0.0:8080, with an IPv6 address in brackets: [::]:8080`,
  );
}
