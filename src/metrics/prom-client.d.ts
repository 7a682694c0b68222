/**
 * The files of prom-client that this room loads one by one: its entry point brings summaries, a push gateway, default
 * metrics and OpenTelemetry along, which cost 9 MiB of memory and are not used. They are no public promise of the
 * package, whose version is pinned.
 */
declare module 'prom-client/lib/registry.js' {
  import { Registry } from 'prom-client';
  export default Registry;
}
declare module 'prom-client/lib/gauge.js' {
  import { Gauge } from 'prom-client';
  export default Gauge;
}
declare module 'prom-client/lib/counter.js' {
  import { Counter } from 'prom-client';
  export default Counter;
}
declare module 'prom-client/lib/histogram.js' {
  import { Histogram } from 'prom-client';
  export default Histogram;
}
