// Looks at tickets with the eyes of a third party: no packet is granted to anybody else while the
// ticket of an earlier epoch may be taken for good, unless its owner has said that it is done (D2).
#pragma once

#include <map>
#include <string>

#include "node/command.h"
#include "sim/check/shadow.h"

namespace phoenix::sim {

class Tickets {
 public:
  explicit Tickets(Complain complain) : complain_(std::move(complain)) {}

  // It leaves who signed it, or an owner is answered with it; `wall`: the right time.
  void given(WallMs wall, const OwnerReply& reply);
  // The store has taken it.
  void committed(WallMs wall, const PutPacket& put);

 private:
  struct Live {
    uint64_t epoch = 0;
    WallMs until = 0;  // by the right time: whoever is as late as is allowed takes it until then
  };
  Complain complain_;
  std::map<PacketKey, Live> live_;
  std::map<PacketKey, uint64_t> over_;  // epochs up to that one
};

}  // namespace phoenix::sim
