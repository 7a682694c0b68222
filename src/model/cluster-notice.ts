/** What the controller process does, told once; log lines and metrics are made from it. */
export type ClusterNotice =
  | { readonly notice: 'leading'; readonly lease: string }
  | { readonly notice: 'taint-lifted'; readonly node: string; readonly because: string }
  | { readonly notice: 'capacity-swept'; readonly object: string; readonly managedBy: string }
  | { readonly notice: 'request-failed'; readonly what: string; readonly error: string };

export type NotifyCluster = (notice: ClusterNotice) => void;
