// One cache line of the ring: the v-nodes of one of its equal arcs, up to ten. Where a v-node lies
// in the arc takes 24 bits, as the arc says the rest; its member 23. Knows nothing of the ring that
// it is part of but the number of arcs.
//
//   places   the upper 16 bits of where it lies, ascending: what a lookup compares
//   members  three bytes each, the eleventh being the member of the next v-node behind the line
//   rests    the lower 8 bits: for those few that agree in the upper 16
//
// Places that are not used hold the highest value, and the member of the next v-node like the
// eleventh: so the member at the number of v-nodes before a position is the position's owner, found
// without a branch. A line of zeros is one of a new array that is not in use yet.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__) && !defined(PHOENIX_PORTABLE)
#include <emmintrin.h>
#endif

#include "ring/placement.h"
#include "ring/point.h"

namespace phoenix::ring {

// The most v-nodes a line holds by itself.
inline constexpr unsigned kLinePoints = 10;
// With fewer arcs 24 bits would not tell all positions of an arc apart.
inline constexpr size_t kFewestLines = 256;
// From so many on 16 bits do.
inline constexpr size_t kExactLines = 65'536;

struct alignas(64) Line {
  // A word of `members` with kPlain names a member; the eleventh without it the spill line where it
  // goes on. So both are below 2^23.
  static constexpr uint32_t kPlain = uint32_t{1} << 23;
  static constexpr uint32_t kNone = 0xffffff;  // lies nowhere: a place that is not used

  int16_t places[kLinePoints];
  uint8_t members[3 * (kLinePoints + 1)];
  uint8_t rests[kLinePoints];
  uint8_t count;  // places used

  uint32_t word(unsigned at) const {
    // One byte more than there is to the word; the line goes on behind the last.
    uint32_t word = 0;
    std::memcpy(&word, bytes() + offsetof(Line, members) + 3 * at, 4);
    return from_little_endian(word) & 0xffffff;
  }
  void set_word(unsigned at, uint32_t word) {
    for (unsigned i = 0; i < 3; ++i) members[3 * at + i] = static_cast<uint8_t>(word >> 8 * i);
  }
  MemberIndex member(unsigned at) const { return word(at) & ~kPlain; }
  // All its members, and what the places not used have instead; so many are overwritten.
  static constexpr unsigned kCopied = 12;
  void copy_members(MemberIndex* out) const;
  bool spills() const { return (word(kLinePoints) & kPlain) == 0; }
  // Of the spill line, or the next member.
  uint32_t number() const { return member(kLinePoints); }

  // Where the v-node at a place lies. Requires: at < kLinePoints.
  uint32_t lies(unsigned at) const {
    return uint32_t{static_cast<uint16_t>(places[at] ^ kFlip)} << 8 | rests[at];
  }
  void put(unsigned at, uint32_t lies, MemberIndex member) {
    places[at] = place_of(lies);
    rests[at] = static_cast<uint8_t>(lies);
    set_word(at, member | kPlain);
  }
  // From the places not used on, the next v-node's member; `from` is the first of them.
  void set_next(unsigned from, MemberIndex next) {
    for (unsigned at = from; at < kLinePoints; ++at) put(at, kNone, next);
    set_word(kLinePoints, next | kPlain);
  }
  // In place of all that it has: where `used` v-nodes lie, in order, kNone behind them, and the
  // words of these and of the next one's member up to the eleventh.
  void fill(const uint32_t* lie, const uint32_t* words, unsigned used);
  // Makes room at a place for one more, or closes the gap there. The last word stays. Requires:
  // there is room, or at < count.
  void open(unsigned at);
  void close(unsigned at);

  // Places are stored so that comparisons with a sign, all that old processors have for several
  // numbers at once, put them in order.
  static int16_t place_of(uint32_t lies) { return static_cast<int16_t>((lies >> 8) ^ kFlip); }
  // How many v-nodes are before a place; at most kLinePoints.
  unsigned before(int16_t place) const;
  // The v-node at what before() told may be before the position too, or not: its rest says that.
  // Behind the last place stands something else, which may agree by chance.
  bool agrees(unsigned at, int16_t place) const;
  // How many v-nodes are before where one lies, exactly.
  unsigned rank(uint32_t wanted) const;

 private:
  static constexpr unsigned kFlip = 0x8000;

  const char* bytes() const { return reinterpret_cast<const char*>(this); }
  static uint32_t from_little_endian(uint32_t word) {
    if constexpr (std::endian::native == std::endian::big) return __builtin_bswap32(word);
    return word;
  }
};
static_assert(sizeof(Line) == 64);

inline unsigned Line::before(int16_t place) const {
#if defined(__SSE2__) && !defined(PHOENIX_PORTABLE)
  const __m128i all = _mm_set1_epi16(place);
  const char* const words = bytes();
  const __m128i low = _mm_cmpgt_epi16(all, _mm_load_si128(reinterpret_cast<const __m128i*>(words)));
  // Two places, and two words that are none.
  const __m128i rest = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(words + 16));
  const __m128i high = _mm_cmpgt_epi16(all, rest);
  const auto below = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
  return static_cast<unsigned>(std::countr_zero(~below | 1u << kLinePoints));
#else
  unsigned below = 0;
  for (const int16_t other : places) below += other < place ? 1 : 0;
  return below;
#endif
}

inline void Line::copy_members(MemberIndex* out) const {
#if defined(__SSE2__) && !defined(PHOENIX_PORTABLE)
  // Four of three bytes each become four of four: two in each half, of which one moves up.
  constexpr int64_t kLower = kPlain - 1;
  const __m128i even = _mm_set1_epi64x(kLower);
  const __m128i odd = _mm_set1_epi64x(kLower << 32);
  for (unsigned at = 0; at < kCopied; at += 4) {
    const char* const from = bytes() + offsetof(Line, members) + 3 * at;
    __m128i half = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    // The compiler would make the other half from this one, which takes longer than to read it.
    asm("" : "+x"(half));
    const __m128i packed = _mm_castps_si128(
        _mm_loadh_pi(_mm_castsi128_ps(half), reinterpret_cast<const __m64*>(from + 6)));
    const __m128i spread =
        _mm_or_si128(_mm_and_si128(packed, even), _mm_and_si128(_mm_slli_epi64(packed, 8), odd));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), spread);
  }
#else
  for (unsigned at = 0; at < kLinePoints; ++at) out[at] = member(at);
#endif
}

inline bool Line::agrees(unsigned at, int16_t place) const {
  int16_t other = 0;
  std::memcpy(&other, bytes() + sizeof(int16_t) * at, sizeof other);
  return other == place;
}

inline unsigned Line::rank(uint32_t wanted) const {
  unsigned at = before(place_of(wanted));
  while (at < count && lies(at) < wanted) ++at;
  return at;
}

inline void Line::fill(const uint32_t* lie, const uint32_t* words, unsigned used) {
  for (unsigned at = 0; at < kLinePoints; ++at) places[at] = place_of(lie[at]);
  // Each ends where the next one begins, the last where `rests` do: so a byte too many does no
  // harm.
  for (unsigned at = 0; at <= kLinePoints; ++at) {
    const uint32_t word = from_little_endian(words[at]);
    std::memcpy(reinterpret_cast<char*>(this) + offsetof(Line, members) + 3 * at, &word, 4);
  }
  for (unsigned at = 0; at < kLinePoints; ++at) rests[at] = static_cast<uint8_t>(lie[at]);
  count = static_cast<uint8_t>(used);
}

inline void Line::open(unsigned at) {
  for (unsigned i = count; i > at; --i) put(i, lies(i - 1), member(i - 1));
  ++count;
}

inline void Line::close(unsigned at) {
  --count;
  for (unsigned i = at; i < count; ++i) put(i, lies(i + 1), member(i + 1));
}

// One of `lines` equal arcs.
struct Arc {
  uint64_t number;
  uint64_t lines;

  static size_t number_of(Position position, size_t lines) {
    return static_cast<size_t>(uint64_t{position} * lines >> 32);
  }
  // The first position of an arc. One past the last: 2^32.
  static uint64_t start_of(size_t number, size_t lines) {
    return ((uint64_t{number} << 32) + lines - 1) / lines;
  }
  // Where in its arc: the product's lower half says so to a `lines`th of a position, and of that
  // the upper 24 bits are enough.
  static uint32_t lies(Position position, size_t lines) {
    return static_cast<uint32_t>(uint64_t{position} * lines) >> 8;
  }
  // The one position that lies there.
  Position position(uint32_t lies) const {
    return static_cast<Position>(((number << 32 | uint64_t{lies} << 8) + lines - 1) / lines);
  }
};

}  // namespace phoenix::ring
