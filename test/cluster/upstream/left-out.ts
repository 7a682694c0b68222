/** Groups of Kubernetes' storage tests that are not run, by what their names have in common, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  '[Disruptive]':
    'they stop kubelets through SSH, which nodes that are namespaces do not have; `test/cluster/chapters/survival.ts` does the same in another way',
  '[Feature:Windows]': 'the nodes are Linux, and so is the driver',
  '[Feature:VolumeSnapshotDataSource]': 'no snapshots',
  '[Feature:volumegroupsnapshot]': 'no snapshots',
  '[Feature:VolumeSourceXFS]': 'no clones',
  'with any volume data source':
    'what fills the volume is another project’s controller, whose image is in a registry that the nodes do not reach',
  '[Feature:VolumeAttributesClass]': 'nothing can be modified in a volume',
  '[Feature:SELinux]': 'no SELinux on the nodes',
};

/** The words by which a test is left out; undefined when it is none of those. */
export function labelOf(name: string): string | undefined {
  return Object.keys(LEFT_OUT).find((label) => name.includes(label));
}
