// Heed proxies
//
// Who is asked from this machine is asked through the proxy that its environment names.

// Their calls have rules of their own, about which addresses may be called; `up` asks its own processes.
const servers: ReadonlySet<string> = new Set(['up', 'control-plane', 'gateway'])

/** Costs nothing where the environment names no proxy. */
export async function heedProxies(command = ''): Promise<void> {
  const isNamed = Object.keys(process.env).some((name) => /^(https?|all)_proxy$/i.test(name))
  if (!isNamed || servers.has(command)) return
  const { useProxies } = await import('@tutti/node')
  useProxies()
}
