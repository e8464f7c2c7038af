import { graphql, type ResultOf } from "@/graphql.ts";

export const TOKENS = graphql(`
  query Tokens($project: String!, $asOf: Moment, $first: Int!) {
    project(name: $project, asOf: $asOf) {
      tokens(first: $first) {
        totalCount
        nodes { id name role everywhere createdAt createdBy expiresAt revokedAt revokedBy }
      }
    }
  }
`);

export type TokenNow = ResultOf<typeof TOKENS>["project"]["tokens"]["nodes"][number];

export const CREATE_TOKEN = graphql(`
  mutation CreateToken($project: String!, $name: String!, $role: Role!, $days: Int!) {
    createToken(project: $project, name: $name, role: $role, days: $days) {
      __typename
      ... on TokenCreated { token { name } text }
      ... on Error { message }
    }
  }
`);

export const REVOKE_TOKEN = graphql(`
  mutation RevokeToken($project: String!, $token: String!) {
    revokeToken(project: $project, token: $token) {
      __typename
      ... on TokenRevoked { name }
      ... on Error { message }
    }
  }
`);

export const TOKEN_EVENTS = ["token.created", "token.revoked"] as const;
