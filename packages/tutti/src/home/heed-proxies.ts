// Heed proxies
//
// Who is asked from this machine is asked through the proxy that its environment names.

// A control plane's calls, which workflows make, see to it themselves; `up` asks its own processes.
const others: ReadonlySet<string> = new Set(['up', 'control-plane'])

/** Costs nothing where the environment names no proxy. */
export async function heedProxies(command = ''): Promise<void> {
  const isNamed = Object.keys(process.env).some((name) => /^(https?|all)_proxy$/i.test(name))
  if (!isNamed || others.has(command)) return
  const { useProxies } = await import('@tutti/node')
  useProxies()
}
