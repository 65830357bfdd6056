#include "keeper/draw.h"

namespace phoenix {

std::vector<size_t> drawn_by(Placement& ring, MemberIndex newcomer,
                             std::span<const Drawable> packets) {
  for (const Drawable& packet : packets) ring.add_load(packet.owner, -int64_t{packet.query.load});
  std::vector<size_t> drawn;
  std::vector<MemberIndex> anew;
  anew.reserve(packets.size());
  for (size_t i = 0; i < packets.size(); ++i) {
    const PlaceQuery& query = packets[i].query;
    anew.push_back(ring.place(query).value_or(kNoMember));
    if (anew.back() == newcomer && packets[i].owner != newcomer) drawn.push_back(i);
    if (anew.back() != kNoMember) ring.add_load(anew.back(), query.load);
  }
  for (size_t i = 0; i < packets.size(); ++i) {
    const int64_t load = packets[i].query.load;
    if (anew[i] != kNoMember) ring.add_load(anew[i], -load);
    ring.add_load(packets[i].owner, load);
  }
  return drawn;
}

}  // namespace phoenix
