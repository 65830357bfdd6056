// A ticket as its owner shows it to a third party: everything that is needed to check it without
// any host. Who checks it brings public keys, a clock and, if it has seen the packet before, the
// highest epoch that it has seen.
//
// What a good ticket says: until its end nobody else works on that packet, as far as the pool goes.
// What it does not say: that an effect has not happened yet. The same owner may ask twice, and the
// next one may repeat what the last one did; who must not repeat an effect remembers it by (packet,
// name of the effect), not by epoch.
//
// The form is a canonical msgpack array like those in statements.h: version, grant or nil, ticket,
// envelope, position, path. In files and in JSON it is one line of base64.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "lineage/crypto/key_file.h"
#include "lineage/form/evidence.h"
#include "lineage/form/statements.h"

namespace phoenix::lineage {

// How far the clocks of hosts and of those who check tickets may be apart. The pool waits so much
// longer than a ticket says, and a clock that is behind by more is noticed when it is shown a
// ticket from its future.
inline constexpr int64_t kTicketSkewMs = 500;

// How long nobody may be handed a packet after a ticket of so many milliseconds was promised: its
// life, 2 % for clocks that run at different speeds, and the skew.
constexpr int64_t ticket_wait_ms(int64_t life_ms) { return life_ms + life_ms / 50 + kTicketSkewMs; }

struct ShownTicket {
  std::string grant;   // envelope of the KeyGrant of the host that signed; empty: its key is known
  std::string ticket;  // payload of a Ticket
  Evidence evidence;   // of the host, for this ticket alone or for all of a session
  bool operator==(const ShownTicket&) const = default;
};

std::string encode(const ShownTicket& shown);
template <>
Result<ShownTicket> decode<ShownTicket>(std::string_view bytes);

// What it says, once it is good: signed by a key that a trusted root has granted or, where no root
// is trusted, by a trusted host's; not past its end at `now`; of no lower epoch than `seen` (0:
// none was seen yet). Refusals are kForbidden with the codes of check_evidence() or "expired",
// "stale-epoch", "clock-behind" (issued later than this clock can believe), "wrong-grant";
// "bad-form" is kInvalidRequest.
Result<Ticket> check_ticket(const ShownTicket& shown, std::span<const NamedKey> trusted, WallMs now,
                            uint64_t seen);

}  // namespace phoenix::lineage
