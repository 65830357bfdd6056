// Offers as the receiver's home has them: which of its sessions is asked for what, and what of that
// an answer or a stream is told.

#include <algorithm>
#include <ranges>

#include "node/parts/impl.h"

namespace phoenix {
namespace {

constexpr size_t kMostAsked = 1'024;  // of one session
constexpr Duration kOfferAgain = seconds(1);

}  // namespace

void Node::Impl::offered(Offered told) {
  const MemberNo no = directory.find_member(MemberKey(told.packet.ns(), told.member));
  const SessionNo session = no == kNobody ? kNobody : directory.member(no).session;
  if (session == kNobody || !directory.session(session).here) return;
  // The acceptance goes to where the offer came from.
  if (remote.on) remember_point(told.packet, told.point);
  std::vector<AskedOffer>& asked = offers.asked[session];
  std::erase_if(asked, [&](const AskedOffer& one) { return one.what.packet == told.packet; });
  if (asked.size() >= kMostAsked) return;
  asked.push_back({std::move(told), ++offers.last_number});
  directory.session(session).attached.make().fresh_offers = true;
  with_news.push_back(session);
}

// One of its members has the packet in a later epoch: that offer is over.
void Node::Impl::stop_asking(SessionNo no, const Packet& head) {
  const auto it = offers.asked.find(no);
  if (it == offers.asked.end()) return;
  std::erase_if(it->second, [&head](const AskedOffer& asked) {
    return asked.what.epoch < head.epoch && asked.what.packet == head.key;
  });
}

// A stream is told each of them once; whoever reads another one is told all. The answer to a poll
// may be lost, and nothing acknowledges what it carried of these: a later one says it again.
// Numbers of sessions are used again: each is asked for members of its own only.
std::vector<Offered> Node::Impl::offers_for(SessionNo no, const Waiter& waiter) {
  std::vector<Offered> told;
  const auto it = offers.asked.find(no);
  if (it == offers.asked.end()) return told;
  const auto first = std::partition_point(
      it->second.begin(), it->second.end(),
      [&waiter](const AskedOffer& asked) { return asked.number <= waiter.offers; });
  for (AskedOffer& asked : std::ranges::subrange(first, it->second.end())) {
    const bool fresh =
        waiter.stream || asked.told == Instant{} || now.mono - asked.told >= kOfferAgain;
    if (!fresh || asked.what.until <= now.wall) continue;
    const MemberNo member =
        directory.find_member(MemberKey(asked.what.packet.ns(), asked.what.member));
    if (member == kNobody || directory.member(member).session != no) continue;
    if (!waiter.stream) asked.told = now.mono;
    told.push_back(asked.what);
  }
  return told;
}

}  // namespace phoenix
