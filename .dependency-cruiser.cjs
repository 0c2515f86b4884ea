// The house rules of imports (docs/architecture.md): rooms stand on floors, and index.ts is a room's only door.
const floors = [
  ['machinery'],
  ['client', 'host', 'volumes'],
  ['diagnose', 'events', 'git', 'registry', 'blobs', 'apiserver', 'workloads', 'node'],
  ['compose', 'gitops', 'workflows', 'promote', 'delivery', 'backup', 'guard', 'models', 'catalog', 'shell'],
  ['cli', 'portal', 'envtest'],
];

/** One rule a floor: a room may import only itself and rooms on the floors below. */
const floorRules = floors.map((rooms, floor) => ({
  name: `floor-${floor + 1}-imports-only-below`,
  severity: 'error',
  comment: 'A room imports only from floors below its own.',
  from: { path: `^src/(${rooms.join('|')})/` },
  to: {
    path: '^src/([^/]+)/',
    pathNot: [
      '^src/$1/',
      ...floors
        .slice(0, floor)
        .flat()
        .map((room) => `^src/${room}/`),
    ],
  },
}));

module.exports = {
  forbidden: [
    ...floorRules,
    {
      name: 'doors-only',
      severity: 'error',
      comment: 'Another room is entered through its index.ts, never through a file behind it.',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/.+', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'known-rooms',
      severity: 'error',
      comment: 'Every folder under src/ is a room named in this file.',
      from: { path: `^src/(?!(${floors.flat().join('|')})/)` },
      to: {},
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
