#include "manifest/bundle/zip_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "base/key.h"

namespace phoenix::manifest {
namespace {

constexpr size_t kMostPathBytes = 1'024;
constexpr size_t kMostSegmentBytes = 255;
constexpr size_t kMostSegments = 16;

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

// Valid UTF-8, one code point after the other.
std::vector<uint32_t> points_of(std::string_view text) {
  std::vector<uint32_t> points;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80) {
      points.push_back(byte);
    } else if (byte >= 0xC0) {
      points.push_back(byte & (byte < 0xE0 ? 0x1F : byte < 0xF0 ? 0x0F : 0x07));
    } else {
      points.back() = points.back() << 6 | (byte & 0x3F);
    }
  }
  return points;
}

// Latin, Greek and Cyrillic letters in lower case; all others as they are. File systems that ignore
// case know more, but no name that differs in those alone is made by accident.
uint32_t lower(uint32_t point) {
  if (point >= 'A' && point <= 'Z') return point + 32;
  if (point >= 0xC0 && point <= 0xDE && point != 0xD7) return point + 32;
  // Pairs of an upper and a lower case letter; in two runs the upper one is odd.
  if ((point >= 0x139 && point <= 0x148) || (point >= 0x179 && point <= 0x17E)) {
    return (point + 1) & ~1U;
  }
  if (point >= 0x100 && point <= 0x17F) return point | 1;
  if (point >= 0x391 && point <= 0x3A9) return point + 32;
  if (point >= 0x410 && point <= 0x42F) return point + 32;
  if (point >= 0x400 && point <= 0x40F) return point + 80;
  return point;
}

std::vector<uint32_t> folded(std::string_view path) {
  std::vector<uint32_t> points = points_of(path);
  std::transform(points.begin(), points.end(), points.begin(), lower);
  return points;
}

struct Range {
  uint32_t first = 0;
  uint32_t last = 0;
};

template <size_t N>
bool is_in(const std::array<Range, N>& ranges, uint32_t point) {
  return std::any_of(ranges.begin(), ranges.end(), [point](const Range& range) {
    return point >= range.first && point <= range.last;
  });
}

// One name would have two spellings.
bool is_combining(uint32_t point) {
  static constexpr std::array<Range, 5> kMarks = {
      {{0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F}}};
  return is_in(kMarks, point);
}

// Without width, or such that others are shown in another order.
bool is_unseen(uint32_t point) {
  static constexpr std::array<Range, 8> kUnseen = {{{0xAD, 0xAD},
                                                    {0x180E, 0x180E},
                                                    {0x200B, 0x200F},
                                                    {0x2028, 0x202E},
                                                    {0x2060, 0x206F},
                                                    {0xFE00, 0xFE0F},
                                                    {0xFEFF, 0xFEFF},
                                                    {0xE0000, 0xE0FFF}}};
  return is_in(kUnseen, point);
}

std::string ascii_lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return made;
}

// Devices of other systems, with any extension.
bool is_reserved(std::string_view segment) {
  static constexpr std::array<std::string_view, 4> kNames = {"con", "prn", "aux", "nul"};
  const std::string stem = ascii_lower(segment.substr(0, segment.find('.')));
  if (std::find(kNames.begin(), kNames.end(), stem) != kNames.end()) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) &&
         stem[3] >= '1' && stem[3] <= '9';
}

std::optional<std::string> bad_segment(std::string_view segment) {
  if (segment.empty()) return "has an empty segment";
  if (segment == "." || segment == "..") return fmt::format("has a segment \"{}\"", segment);
  if (segment.size() > kMostSegmentBytes) {
    return fmt::format("has a segment of more than {} bytes", kMostSegmentBytes);
  }
  if (segment.back() == '.' || segment.back() == ' ')
    return "has a segment ended by a dot or space";
  if (is_reserved(segment)) return fmt::format("has a segment \"{}\", a device's name", segment);
  if (segment == ".DS_Store" || segment == "Thumbs.db" || segment == "__MACOSX") {
    return "is litter of an operating system";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> bad_name(std::string_view path) {
  if (path.empty()) return "is empty";
  if (path.size() > kMostPathBytes) return fmt::format("has more than {} bytes", kMostPathBytes);
  if (!valid_utf8(path)) return "is not valid UTF-8";
  for (const uint32_t point : points_of(path)) {
    if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return "has a control character";
    if (point == '\\') return "has a backslash";
    if (point == ':') return "has a colon";
    if (is_combining(point)) return "has a combining mark; write the letter as one";
    if (is_unseen(point)) return "has a character that nobody sees";
  }
  if (path.front() == '/') return "is absolute";
  const auto segments = segments_of(path);
  if (segments.size() > kMostSegments) return fmt::format("is more than {} deep", kMostSegments);
  for (const std::string_view segment : segments) {
    if (auto bad = bad_segment(segment)) return bad;
  }
  return std::nullopt;
}

std::optional<std::string> clashing_names(std::span<const std::string> paths) {
  std::map<std::vector<uint32_t>, const std::string*> seen;
  for (const std::string& path : paths) {
    const auto [other, fresh] = seen.emplace(folded(path), &path);
    if (fresh) continue;
    if (*other->second == path) return fmt::format("{} stands twice in the archive", path);
    return fmt::format("{} and {} differ in case alone", path, *other->second);
  }
  for (const std::string& path : paths) {
    const auto points = folded(path);
    for (auto slash = points.begin(); (slash = std::find(slash, points.end(), '/')) != points.end();
         ++slash) {
      const auto other = seen.find({points.begin(), slash});
      if (other != seen.end()) {
        return fmt::format("{} is a file, and the folder of {}", *other->second, path);
      }
    }
  }
  return std::nullopt;
}

}  // namespace phoenix::manifest
