// What graphql-codegen writes into generated/: a type for each document, and persisted-documents.json.
import type {CodegenConfig} from '@graphql-codegen/cli'
import {addTypenameSelectionDocumentTransform} from '@graphql-codegen/client-preset'

const config: CodegenConfig = {
  schema: '../../../schema.graphql',
  documents: 'documents.ts',
  generates: {
    // Without it fragments on UserError and Node match no type in a cache, and their fields are lost.
    'generated/possible-types.ts': {plugins: ['fragment-matcher'], config: {useExplicitTyping: true}},
    'generated/gql/': {
      preset: 'client',
      // Caches ask for __typename everywhere: a document that is sent by its id must have it already.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      presetConfig: {fragmentMasking: false, persistedDocuments: true},
      config: {
        // Money and moments are strings on the wire; as a JSON number an amount would lose its cents.
        scalars: {
          CurrencyCode: 'string',
          DateTime: 'string',
          Decimal: 'string',
          ID: 'string',
          JSON: 'unknown',
        },
        strictScalars: true,
        enumsAsTypes: true,
        useTypeImports: true,
        importExtension: '.js',
      },
    },
  },
}

export default config
