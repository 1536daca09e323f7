// What a bundler does for Relay's users: each graphql`…` becomes an import of what relay-compiler wrote.
import {transformFileSync} from '@babel/core'
import {readdirSync, writeFileSync} from 'node:fs'

const COMPILED = 'build/generated/relay'

// Bundlers find a file without the end of its name, Node does not.
const wholeNames = () => ({
  visitor: {
    ImportDeclaration({node: {source}}) {
      if (source.value.endsWith('.graphql')) source.value += '.js'
    },
  },
})

for (const folder of ['build/relay', COMPILED]) {
  for (const name of readdirSync(folder)) {
    const file = `${folder}/${name}`
    const plugins = [['relay', {eagerEsModules: true, artifactDirectory: COMPILED}], wholeNames]
    writeFileSync(file, transformFileSync(file, {plugins, configFile: false}).code)
  }
}
