#include "keeper/draw.h"

#include <algorithm>

namespace phoenix {

std::vector<Drawn> drawn_by(Placement& ring, std::span<const MemberIndex> newcomers,
                            std::span<const Drawable> packets) {
  const auto joined = [newcomers](MemberIndex member) {
    return std::binary_search(newcomers.begin(), newcomers.end(), member);
  };
  for (const Drawable& packet : packets) ring.add_load(packet.owner, -int64_t{packet.query.load});
  std::vector<Drawn> drawn;
  std::vector<MemberIndex> anew;
  anew.reserve(packets.size());
  for (size_t i = 0; i < packets.size(); ++i) {
    const PlaceQuery& query = packets[i].query;
    const MemberIndex to = ring.place(query).value_or(kNoMember);
    anew.push_back(to);
    if (to == kNoMember) continue;
    ring.add_load(to, query.load);
    if (joined(to)) drawn.push_back({i, to});
  }
  for (size_t i = 0; i < packets.size(); ++i) {
    const int64_t load = packets[i].query.load;
    if (anew[i] != kNoMember) ring.add_load(anew[i], -load);
    ring.add_load(packets[i].owner, load);
  }
  return drawn;
}

}  // namespace phoenix
