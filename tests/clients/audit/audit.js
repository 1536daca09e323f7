// Audits the server at the address that is given, and prints what each check found, as JSON.
import {auditServer} from 'graphql-http'

const results = await auditServer({url: process.argv[2], fetchFn: fetch})
console.log(JSON.stringify(results.map(({name, status, reason}) => ({name, status, reason}))))
