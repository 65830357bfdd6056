// Whose room is whose: members at home here, for whose room keepers on several hosts wait, and
// members that this host has just heard of. Private to src/node.
#pragma once

#include <vector>

#include "node/parts/impl.h"

namespace phoenix {

class Node::Impl::Sharing {
 public:
  explicit Sharing(Impl& node) : node_(node) {}

  // --- of members at home here ---
  // The record of one of them is told to all just now: what it holds follows at once, for until
  // then nobody places anything on it. If packets wait here for it, they do elsewhere too, and its
  // room is shared from the start.
  void introduce(MemberNo no);
  // From now on each keeper is told of no more room than its share.
  void begin(MemberNo no);
  // To be called at shares_due.
  void turn();
  // What it holds may have changed.
  void keep(MemberNo no);
  // A keeper's answer: so much it has given the member.
  void given(const HostLife& keeper, MemberNo no, uint32_t load);
  // Puts what each host of the view is to be told of its load, and has not been, into `words`, by
  // its place there. introduced: though that is no news.
  void put_word(MemberNo no, bool introduced, std::vector<Loads>& words);
  // This host's answer, as a keeper: counting what is on its way to the store.
  uint32_t given_to(MemberNo no) const;

  // --- of members at home elsewhere ---
  // It has joined, or come to another home, by its records: nothing is placed on it before that
  // home has said what it holds, or a moment later.
  void await_word(MemberNo no, Unheard why);
  // Its home has said so.
  void hear(MemberNo no);
  // Nothing may keep it shut any more.
  void reopen(MemberNo no);

  // --- of another host, whose words may have been lost with its link ---
  // It begins to say all anew.
  void doubt(const HostLife& peer);
  // It has said all.
  void confirm(const HostLife& peer);

 private:
  bool is_waited_for(const Member& member) const;
  bool is_like_a_shared_one(const Member& member) const;
  void ask(MemberNo no, Shares& shares);
  bool tells(const HostLife& peer, MemberNo no) const;
  bool turn(MemberNo no, Shares& shares);
  std::vector<Shares::Holding> holdings(MemberNo no) const;
  void keep_back(MemberNo no, uint32_t load);

  Impl& node_;
};

}  // namespace phoenix
