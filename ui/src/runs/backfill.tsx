import { Redirect, useParams, useSearch } from "wouter";
import { addressOf, pathOf } from "@/address/address.ts";

/** A backfill is a run of partitions, which is shown by them. */
export default function Backfill() {
  const { id = "" } = useParams<{ id: string }>();
  return <Redirect to={addressOf(pathOf("runs", id), { tab: "partitions" }, useSearch())} replace />;
}
