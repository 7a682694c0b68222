/** The host's LVM answers of our groups only to who says to be us. */
export const AS_DRIVER = `--config 'global/system_id_source="lvmlocal" local/system_id="instance-store-csi"'`;

/** The one pool of these suites: what it carves by LVM are the disks OURS… */
export const configuration = (sanitize: 'discard' | 'zero' | 'none'): object => ({
  apiVersion: 'instance-store.csi.dev/v1alpha1',
  kind: 'DriverConfiguration',
  pools: [
    {
      name: 'fast',
      disks: { match: [{ serial: 'OURS*' }], minSize: '64Mi' },
      carving: 'lvm',
      sanitize,
    },
  ],
});
