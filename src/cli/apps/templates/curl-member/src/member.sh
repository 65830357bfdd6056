# A member: registers, takes three packets, completes them, leaves.
set -eu
url=$PHOENIXFLIGHT_URL/v1
ns="namespace=$PHOENIX_NAMESPACE"

# The text or the number of a field of the JSON on stdin: enough for answers that are known.
text() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
number() { grep -o "\"$1\":[0-9]*" | head -n 1 | cut -d : -f 2; }
post() { curl -sS --fail-with-body -H 'Content-Type: application/json' "$@"; }

registered=$(post -H "Idempotency-Key: $PHOENIX_PACKET_ID-$PHOENIX_EPOCH-$$" "$url/members?$ns" \
  -d '{"id":"curl-1","kind":"api","capabilities":["shell"],"leaseSeconds":5,"replace":true}')
session="Authorization: Bearer $(echo "$registered" | text token)"

after=
jobs=0
while [ "$jobs" -lt 3 ]; do
  # The poll renews the lease, and what it carries back as `after` acknowledges the poll before.
  poll=$(curl -sS --fail-with-body -H "$session" \
    "$url/members/curl-1/deliveries?$ns&waitMs=2000${after:+&after=$after}")
  after=$(echo "$poll" | text next)
  case $poll in *'"deliveries":[]'*) continue ;; esac
  packet=$(echo "$poll" | grep -o '"packet":{.*' | text id)
  epoch=$(echo "$poll" | number epoch)
  words=$(echo "$poll" | text payload | wc -w)
  post -H "$session" "$url/packets/$packet/complete?$ns" \
    -d "{\"epoch\":$epoch,\"result\":{\"words\":$words}}" >/dev/null
  jobs=$((jobs + 1))
done
curl -sS -X DELETE -H "$session" "$url/members/curl-1?$ns" >/dev/null
echo "$jobs jobs done"
