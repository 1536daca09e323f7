// Where a form shows what is wrong.
type UserError = {path: readonly string[]; message: string}
type ResponseError = {message: string; extensions?: {path?: unknown}}

/** Messages by the path of their field, as in `input.lines.0.quantity`; those of no field are under ''. */
export function errorsByField(userErrors: readonly UserError[], errors: readonly ResponseError[]) {
  const fields = new Map<string, string[]>()
  const add = (path: unknown, message: string) => {
    const field = Array.isArray(path) ? path.join('.') : ''
    fields.set(field, [...(fields.get(field) ?? []), message])
  }
  for (const {path, message} of userErrors) add(path, message)
  // A variable that cannot be coerced: its path starts with the variable's name.
  for (const {extensions, message} of errors) add(extensions?.path, message)
  return fields
}
