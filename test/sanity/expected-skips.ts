/** Tests of one group of csi-sanity that are skipped as long as the driver does not advertise `capability`. */
type Skips = {
  /** Of the controller service, or of the plugin. */
  readonly capability: string;
  readonly within: string;
  readonly tests: readonly string[];
};

/** Every test of csi-sanity 5.6.0 that is not for this driver. Whatever else is skipped fails the suite. */
export const NOT_ADVERTISED: readonly Skips[] = [
  {
    capability: 'CLONE_VOLUME',
    within: 'Controller Service [Controller Server] > CreateVolume',
    tests: [
      'should create volume from an existing source volume',
      'should fail when the volume source volume is not found',
    ],
  },
  {
    capability: 'CREATE_DELETE_SNAPSHOT',
    within: 'Controller Service [Controller Server] > CreateVolume',
    tests: [
      'should create volume from an existing source snapshot',
      'should fail when the volume source snapshot is not found',
    ],
  },
  {
    capability: 'CREATE_DELETE_SNAPSHOT',
    within: 'CreateSnapshot [Controller Server]',
    tests: [
      'should fail when no name is provided',
      'should fail when no source volume id is provided',
      'should fail when requesting to create a snapshot with already existing name and different source volume ID',
      'should succeed when creating a snapshot with accessibility requirements',
      'should succeed when creating snapshot with maximum-length name',
      'should succeed when requesting to create a snapshot with already existing name and same source volume ID',
    ],
  },
  {
    capability: 'CREATE_DELETE_SNAPSHOT',
    within: 'DeleteSnapshot [Controller Server]',
    tests: [
      'should fail when no snapshot id is provided',
      'should return appropriate values (no optional values added)',
      'should succeed when an invalid snapshot id is used',
    ],
  },
  {
    capability: 'EXPAND_VOLUME',
    within: 'ExpandVolume [Controller Server]',
    tests: [
      'should fail if no capacity range is given',
      'should fail if no volume id is given',
      'should work',
    ],
  },
  {
    capability: 'GET_SNAPSHOT',
    within: 'GetSnapshot [Controller Server]',
    tests: [
      'should return an error',
      'should return an error when the specified snapshot id does not exist',
      'should return snapshot that match the specified snapshot id',
    ],
  },
  {
    capability: 'GET_VOLUME_HEALTH',
    within: 'ControllerGetVolumeHealth [Controller Server]',
    tests: ['should fail when no volume id is provided', 'should return health for a valid volume'],
  },
  {
    capability: 'GROUP_CONTROLLER_SERVICE',
    within: 'GroupController Service [GroupController Server] > GroupControllerGetCapabilities',
    tests: ['should return appropriate capabilities'],
  },
  {
    capability: 'GROUP_CONTROLLER_SERVICE',
    within: 'GroupController Service [GroupController VolumeGroupSnapshots] > CreateVolumeGroupSnapshot',
    tests: ['should fail when no name is provided'],
  },
  {
    capability: 'GROUP_CONTROLLER_SERVICE',
    within: 'GroupController Service [GroupController VolumeGroupSnapshots] > DeleteVolumeGroupSnapshot',
    tests: ['should fail when no volume id is provided', 'should succeed when an invalid volume id is used'],
  },
  {
    capability: 'GROUP_CONTROLLER_SERVICE',
    within: 'GroupController Service [GroupController VolumeGroupSnapshots] > GetVolumeGroupSnapshot',
    tests: ['should fail when an invalid volume id is used', 'should fail when no volume id is provided'],
  },
  {
    capability: 'LIST_SNAPSHOTS',
    within: 'ListSnapshots [Controller Server]',
    tests: [
      'check the presence of new snapshots in the snapshot list',
      'should return appropriate values (no optional values added)',
      'should return empty when the specified snapshot id does not exist',
      'should return empty when the specified source volume id does not exist',
      'should return next token when a limited number of entries are requested',
      'should return snapshots that match the specified snapshot id',
      'should return snapshots that match the specified source volume id',
    ],
  },
  {
    capability: 'LIST_VOLUME_HEALTH',
    within: 'ControllerListVolumeHealth [Controller Server]',
    tests: ['should return appropriate response'],
  },
  {
    capability: 'MODIFY_VOLUME',
    within: 'Controller Service [Controller Server] > CreateVolume',
    tests: [
      'should create volume with a volume attribute class',
      'should not create volume with an invalid volume attribute class',
    ],
  },
  {
    capability: 'MODIFY_VOLUME',
    within: 'ModifyVolume [Controller Server]',
    tests: [
      'should fail if no volume id is given',
      'should fail if specified mutable parameters are not supported by the volume',
      'should fail if volume does not exist',
      'should fail to modify a volume created with a volume attribute class if new mutable parameters are not supported by volume',
      'should modify a volume created with a volume attribute class',
      'should modify a volume created without a volume attribute class',
    ],
  },
  {
    capability: 'PUBLISH_UNPUBLISH_VOLUME',
    within: 'Controller Service [Controller Server] > ControllerPublishVolume',
    tests: [
      'should fail when no node id is provided',
      'should fail when no volume capability is provided',
      'should fail when no volume id is provided',
      'should fail when publishing more volumes than the node max attach limit',
      'should fail when the node does not exist',
      'should fail when the volume does not exist',
      'should fail when the volume is already published but is incompatible',
    ],
  },
  {
    capability: 'PUBLISH_UNPUBLISH_VOLUME',
    within: 'Controller Service [Controller Server] > ControllerUnpublishVolume',
    tests: ['should fail when no volume id is provided'],
  },
  {
    capability: 'PUBLISH_UNPUBLISH_VOLUME',
    within: 'Controller Service [Controller Server] > volume lifecycle',
    tests: ['should be idempotent', 'should work'],
  },
];

/** Written in csi-sanity as pending: it runs for no driver. */
const PENDING_UPSTREAM =
  'Controller Service [Controller Server] > ListVolumes > pagination should detect volumes added between pages and ' +
  'accept tokens when the last volume from a page is deleted';

/** The full names, as `Spec` has them. */
export const EXPECTED_SKIPS: readonly string[] = [
  ...NOT_ADVERTISED.flatMap(({ within, tests }) => tests.map((test) => `${within} > ${test}`)),
  PENDING_UPSTREAM,
];
