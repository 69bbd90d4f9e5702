// Counter-based random draws: a draw is a pure function of the seed and of what it is for, so that no
// layout of workers and threads can change it.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011). The
// key is the seed; the counter is (row, shard, draw, trial).
#pragma once

#include <cstdint>

namespace burly {

struct Words {
  std::uint32_t of[4];
};

inline Words philox(std::uint64_t seed, std::uint32_t row, std::uint32_t shard, std::uint32_t draw,
                    std::uint32_t trial) {
  Words c{{row, shard, draw, trial}};
  auto k0 = static_cast<std::uint32_t>(seed);
  auto k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c.of[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c.of[2];
    c = {{static_cast<std::uint32_t>(p1 >> 32) ^ c.of[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c.of[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

// Of the four words two make the number: uniform on the open interval (0, 1), 52 bits.
inline double uniform(std::uint64_t seed, std::uint32_t row, std::uint32_t shard, std::uint32_t draw,
                      std::uint32_t trial) {
  const Words words = philox(seed, row, shard, draw, trial);
  const std::uint64_t bits = (std::uint64_t{words.of[1]} << 32 | words.of[0]) >> 12;
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

// The row number of a draw that is for a whole shard.
constexpr std::uint32_t kWholeShard = 0xFFFFFFFF;

}  // namespace burly
